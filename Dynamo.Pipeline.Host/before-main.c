/* What must be done before the runtime of the native program starts its first thread and opens its first file. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

extern int mallopt(int option, int value) __attribute__((weak));

/* One native heap for all threads. By default glibc gives each thread a heap of its own, which grows page by page with a system call for
   each page, and SQLite allocates its pages on whatever thread writes: 3 % of an import. Managed threads rarely use the native heap and do
   not wait for each other there. musl has one heap anyway, and no mallopt(3). */
static void one_heap(void)
{
    enum { most_arenas = -8 };
    if (mallopt) mallopt(most_arenas, 1);
}

/* A standard stream that the caller closed must not become the number of a file that is opened later: what is printed would be written
   into that file. Opened for reading, /dev/null keeps the number, and writing to it fails as it does to a closed stream. */
static void keep_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF) (void)open("/dev/null", O_RDONLY);
}

__attribute__((constructor)) static void start(void)
{
    keep_standard_streams();
    one_heap();
}
