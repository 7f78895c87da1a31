// No description at all: ends with 0.
int main(void) {
    return 0;
}
