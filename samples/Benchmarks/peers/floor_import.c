/* The floor of the way from a folder to SQLite. Every file is opened, read and closed, its rows are parsed by hand and sorted by
   their key. One transaction writes them, with a ledger row for each file, by one prepared statement each; WAL, synchronous=FULL.
   It looks for no defects, waits for no file that is still written, counts nothing, and holds everything in memory.
   cc -O2 -pthread floor_import.c -lsqlite3 -o floor_import && ./floor_import FOLDER DATABASE THREADS   (DATABASE must not exist) */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct { char *logger, *channel, *at; double value; } row;
static char **names;
static struct stat *stats;
static int count, next_file, folder, total;
static row *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *reader(void *unused)
{
    row *rows = 0;
    int n = 0, room = 0;
    for (int i; (i = __sync_fetch_and_add(&next_file, 1)) < count;) {
        int file = openat(folder, names[i], O_RDONLY);
        fstat(file, stats + i);
        char *text = malloc(stats[i].st_size + 1);
        long got = read(file, text, stats[i].st_size);
        close(file);
        text[got < 0 ? 0 : got] = 0;
        char *line = strchr(text, '\n');
        while (line && *++line) {
            char *end = strchr(line, '\n');
            if (end) *end = 0;
            row r = { line };
            char *a = strchr(line, ','), *b = a ? strchr(a + 1, ',') : 0, *c = b ? strchr(b + 1, ',') : 0;
            if (c) {
                *a = *b = *c = 0;
                r.channel = a + 1, r.at = b + 1, r.value = strtod(c + 1, 0);
                if (b[11] == 'T') b[11] = ' ', b[20] = 0;
                if (n == room) rows = realloc(rows, (room = room ? room * 2 : 4096) * sizeof *rows);
                rows[n++] = r;
            }
            line = end;
        }
    }
    pthread_mutex_lock(&lock);
    all = realloc(all, (total + n + 1) * sizeof *all);
    memcpy(all + total, rows, n * sizeof *rows);
    total += n;
    pthread_mutex_unlock(&lock);
    return unused;
}

static int by_key(const void *x, const void *y)
{
    const row *a = x, *b = y;
    int c = strcmp(a->logger, b->logger);
    if (!c) c = strcmp(a->channel, b->channel);
    return c ? c : strcmp(a->at, b->at);
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    int threads = argc > 3 ? atoi(argv[3]) : 2;
    clock_gettime(CLOCK_MONOTONIC, &a);
    DIR *d = opendir(argv[1]);
    if (!d) { perror(argv[1]); return 1; }
    folder = dirfd(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".csv")) {
            if (!(count & 1023)) names = realloc(names, (count + 1024) * sizeof *names);
            names[count++] = strdup(e->d_name);
        }
    stats = calloc(count, sizeof *stats);
    pthread_t t[64];
    for (int i = 0; i < threads; i++) pthread_create(t + i, 0, reader, 0);
    for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
    qsort(all, total, sizeof *all, by_key);
    sqlite3 *db;
    sqlite3_open(argv[2], &db);
    sqlite3_exec(db, "pragma journal_mode=wal; pragma synchronous=full; create table reading(logger text not null, channel text not null, ts text not null,"
                     " value real not null, primary key(logger,channel,ts)) without rowid;"
                     "create table file(source text not null, path text not null, size integer not null, at integer not null, rows integer,"
                     " primary key(source,path,size,at)) without rowid;"
                     "begin immediate", 0, 0, 0);
    sqlite3_stmt *s;
    sqlite3_prepare_v2(db, "insert into reading values(?,?,?,?) on conflict do update set value=excluded.value", -1, &s, 0);
    for (int i = 0; i < total; i++) {
        if (i + 1 < total && !by_key(all + i, all + i + 1)) continue;
        sqlite3_bind_text(s, 1, all[i].logger, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, all[i].channel, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, all[i].at, -1, SQLITE_STATIC);
        sqlite3_bind_double(s, 4, all[i].value);
        if (sqlite3_step(s) != SQLITE_DONE) { fprintf(stderr, "%s\n", sqlite3_errmsg(db)); return 1; }
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    sqlite3_prepare_v2(db, "insert into file values('folder:x',?,?,?,0)", -1, &s, 0);
    for (int i = 0; i < count; i++) {
        sqlite3_bind_text(s, 1, names[i], -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, stats[i].st_size);
        sqlite3_bind_int64(s, 3, stats[i].st_mtime);
        sqlite3_step(s);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    sqlite3_exec(db, "commit", 0, 0, 0);
    sqlite3_close(db);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("threads=%d files=%d rows=%d SQLite %s %.4fs\n", threads, count, total, sqlite3_libversion(),
           b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9);
    return 0;
}
