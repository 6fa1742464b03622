/* One native heap for all threads. By default glibc gives each thread a heap of its own, which grows page by page with a system call for
   each page, and SQLite allocates its pages on whatever thread writes: 3 % of an import. It must be said before the runtime starts its first
   thread, so it is linked into the native program. Managed threads rarely use the native heap and do not wait for each other there.
   musl has one heap anyway, and no mallopt(3). */
extern int mallopt(int option, int value) __attribute__((weak));

__attribute__((constructor)) static void one_heap(void)
{
    enum { most_arenas = -8 };
    if (mallopt) mallopt(most_arenas, 1);
}

/* Who starts it may have closed the standard streams. Then the first files that it opens get their numbers, and what it prints would land in
   them, in a database for example; and the runtime ends a program whose standard error cannot be opened. */
extern int open(const char *path, int flags, ...);
extern int close(int file);

__attribute__((constructor)) static void standard_streams(void)
{
    enum { read_and_write = 2, standard_error = 2 };
    int file;
    do file = open("/dev/null", read_and_write);
    while (file >= 0 && file <= standard_error);
    if (file >= 0) close(file);
}
