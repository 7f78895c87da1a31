// main(argc, argv) without _start: a module that exports main itself.
__attribute__((export_name("main"))) int entry(int argc, char **argv) {
    return argc == 0 && argv == 0 ? 7 : 8;
}
