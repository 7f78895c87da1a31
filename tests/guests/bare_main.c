// main(argc, argv) without _start: a module that exports main itself. Its exit code tells what it was given: ten for each
// argument, and one when each holds its own place's letter ("a", "b", …) and a null pointer follows the last.
__attribute__((export_name("main"))) int entry(int argc, char **argv) {
    if (argv == (char **)2)
        return 8; // called by name, with numbers
    int good = argc > 0 && argv[argc] == 0;
    for (int i = 0; i < argc; i++)
        good = good && argv[i][0] == 'a' + i && argv[i][1] == '\0';
    return argc * 10 + good;
}
