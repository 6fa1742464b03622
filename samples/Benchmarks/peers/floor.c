/* The floor of the read step: every file of a folder is looked up (stat), opened, read and closed. Nothing else is done.
   cc -O2 -pthread floor.c -o floor && ./floor FOLDER THREADS */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char **names;
static int count, next_file, folder;
static long total;

static void *reader(void *unused)
{
    char *buffer = malloc(1 << 20);
    long sum = 0;
    for (int i; (i = __sync_fetch_and_add(&next_file, 1)) < count;) {
        struct stat s;
        fstatat(folder, names[i], &s, 0);
        int file = openat(folder, names[i], O_RDONLY);
        for (long n; (n = read(file, buffer, 1 << 20)) > 0;)
            sum += n;
        close(file);
    }
    __sync_fetch_and_add(&total, sum);
    return unused;
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    int threads = argc > 2 ? atoi(argv[2]) : 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    DIR *d = opendir(argv[1]);
    if (!d) { perror(argv[1]); return 1; }
    folder = dirfd(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".csv")) {
            if (!(count & 1023)) names = realloc(names, (count + 1024) * sizeof *names);
            names[count++] = strdup(e->d_name);
        }
    pthread_t t[64];
    for (int i = 0; i < threads; i++) pthread_create(t + i, 0, reader, 0);
    for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("threads=%d files=%d bytes=%ld %.4fs\n", threads, count, total,
           (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9);
}
