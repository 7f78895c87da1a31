#!/usr/bin/env python3
"""Writes C that compiles to a module of some 700 KB: many functions of which none is like another, all reachable.

usage: big_module.py OUTPUT.c
"""
import random
import sys

FUNCTIONS, STATEMENTS = 1950, 40


def function(number, chance):
    lines = [f"__attribute__((noinline)) static uint32_t f{number}(uint32_t a, uint32_t b) {{"]
    for _ in range(STATEMENTS):
        constant, operation = chance.randrange(1, 1 << 30), chance.choice("+^*|&-")
        lines.append(chance.choice([f"    a = (a {operation} {constant}u) + (b >> {chance.randrange(1, 31)});",
                                    f"    if (b > {constant}u) a ^= state[(a + {chance.randrange(1024)}u) % 1024];",
                                    f"    b = b * {constant | 1}u + a;"]))
    return "\n".join(lines + ["    return a ^ b;", "}"])


def main():
    chance = random.Random(700)
    table = ", ".join(f"f{number}" for number in range(FUNCTIONS))
    text = ["#include <stdint.h>", "#include <stdio.h>", "static uint32_t state[1024];"]
    text += [function(number, chance) for number in range(FUNCTIONS)]
    text += [f"static uint32_t (*const all[])(uint32_t, uint32_t) = {{{table}}};",
             "int main(int argc, char **argv) {", "    (void)argv;", f'    printf("%u\\n", all[argc * 7 % {FUNCTIONS}](1, 2));', "    return 0;", "}"]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
