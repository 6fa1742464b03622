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
