/* A machine that fails on purpose: this library stands before the C library of one process (LD_PRELOAD) and makes some of its calls fail.
   What fails is written in the file that FAULTS_PLAN names, with one space between words:

       root FOLDER                          below it are inbox, archive, quarantine and the database readings.db; all else is left alone
       CALL PLACE NTH TIMES WHAT            up to MOST_RULES of them
       trace                                writes down every call, and not only those that failed

   CALL is a kind of call, such as read; PLACE is what place_of returns, a path below root, such as inbox/a.csv, or "any"; the NTH such
   call fails, and TIMES - 1 after it. WHAT is a number of errno.h; "late" and such a number, for a call that is carried out and fails all
   the same, as on a network share whose answer was lost; "short", for half of what was asked for; or "die", for a process that ends at this
   call, as by SIGKILL. Calls are counted by all processes of a plan together, in PLAN.count; what failed is written to PLAN.log. The
   processes that this one starts are not harmed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_RULES = 8, LONGEST_WORD = 24 };

struct rule {
    char call[LONGEST_WORD], place[LONGEST_WORD], what[LONGEST_WORD];
    unsigned nth, times;
};

static struct rule rules[MOST_RULES];
static int rule_count;
static bool traces, is_dynamo;
static unsigned *counts;
static char root[PATH_MAX], log_path[PATH_MAX];
static size_t root_length;

/* The functions behind ours. */
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) *(void **)&real = find(#name)

static void *(*real_dlsym(void))(void *, const char *)
{
    static void *(*real)(void *, const char *);
    static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17" };
    for (int i = 0; !real && i < 3; i++) *(void **)&real = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
    return real;
}

static void *find(const char *name) { return real_dlsym()(RTLD_NEXT, name); }

/* Works without calling what it replaces. */
static void say(const char *call, const char *place, const char *path, const char *what)
{
    char line[PATH_MAX + 200];
    int length = snprintf(line, sizeof line, "%s %s %s %s\n", call, place, what, path);
    if (length <= 0) return;
    if ((size_t)length > sizeof line) length = sizeof line;
    int file = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    (void)!syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *plan = getenv("FAULTS_PLAN");
    char path[PATH_MAX], text[4096];
    unsetenv("LD_PRELOAD");
    if (!plan) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, plan, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return;
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    text[length > 0 ? length : 0] = 0;
    snprintf(log_path, sizeof log_path, "%s.log", plan);
    snprintf(path, sizeof path, "%s.count", plan);
    file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || syscall(SYS_ftruncate, file, 4096L)) return;
    counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (counts == MAP_FAILED) return;
    is_dynamo = getenv("FAULTS_CLIENT") != NULL;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct rule *rule = &rules[rule_count];
        if (strcmp(line, "trace") == 0) traces = true;
        else if (strncmp(line, "root ", 5) == 0) snprintf(root, sizeof root, "%s", line + 5);
        else if (rule_count < MOST_RULES
            && sscanf(line, "%23s %23s %u %u %23s", rule->call, rule->place, &rule->nth, &rule->times, rule->what) == 5) rule_count++;
    }
    root_length = strlen(root);
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* What a full path is to an import, or NULL. */
static const char *place_of(const char *path)
{
    if (begins(path, "pipe:")) return "pipe";
    if (begins(path, "socket:")) return "socket";
    if (root_length == 0 || strncmp(path, root, root_length) != 0 || path[root_length] != '/') return NULL;
    path += root_length + 1;
    if (begins(path, "inbox/archive")) return "archive";
    if (begins(path, "inbox/quarantine")) return "quarantine";
    if (strcmp(path, "inbox") == 0 || begins(path, "inbox/")) return "inbox";
    if (strcmp(path, "readings.db") == 0) return "database";
    if (strcmp(path, "readings.db-wal") == 0 || strcmp(path, "readings.db-journal") == 0) return "wal";
    if (strcmp(path, "readings.db-shm") == 0) return "shm";
    if (begins(path, "readings.db")) return "lock";
    return NULL;
}

static const char *path_of(int file, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return path;
}

static const char *path_at(int folder, const char *name, char *path)
{
    static const char own[] = "/proc/self/fd/";
    if (name && begins(name, own)) {
        char *end;
        folder = (int)strtol(name + sizeof own - 1, &end, 10);
        name = *end == '/' ? end + 1 : "";
    }
    if (!name || !*name) return path_of(folder, path);
    if (*name == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return path;
    }
    long length;
    if (folder == AT_FDCWD) length = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/cwd", path, (size_t)PATH_MAX - 1);
    else length = (long)strlen(path_of(folder, path));
    if (length <= 0) length = 0;
    snprintf(path + length, (size_t)(PATH_MAX - length), "/%s", name);
    return path;
}

/* Whether a path is the one that a place names. */
static bool is_path(const char *place, const char *path)
{
    return strchr(place, '/') && begins(path, root) && path[root_length] == '/' && strcmp(path + root_length + 1, place) == 0;
}

enum what { NOTHING, FAILS, LATE, SHORT };

static __thread bool replaces_nothing;

/* Only a rename between two places is one between two disks, and only one with flags can be unknown to a file system. */
static bool may_be(const struct rule *rule, const char *place, const char *second)
{
    if (strcmp(rule->call, "rename") != 0) return true;
    int error = atoi(rule->what + (begins(rule->what, "late") ? 4 : 0));
    if (error == EXDEV) return place && second && strcmp(place, second) != 0;
    return error != EINVAL || replaces_nothing;
}

/* Decides about one call. errno is set when it fails; otherwise it is as it was. */
static enum what decide(const char *call, const char *path, const char *other, int *error)
{
    if (!rule_count && !traces) return NOTHING;
    int before = errno;
    const char *place = place_of(path), *second = other ? place_of(other) : NULL;
    enum what what = NOTHING;
    if (place || second) {
        if (traces) say(call, place ? place : second, path, "seen");
        for (int i = 0; i < rule_count; i++) {
            const struct rule *rule = &rules[i];
            if (strcmp(rule->call, call) != 0) continue;
            if (!may_be(rule, place, second)) continue;
            bool is_any = strcmp(rule->place, "any") == 0 || is_path(rule->place, path) || (other && is_path(rule->place, other));
            if (!is_any && !(place && strcmp(rule->place, place) == 0) && !(second && strcmp(rule->place, second) == 0)) continue;
            unsigned now = __sync_add_and_fetch(&counts[i], 1);
            if (now < rule->nth || now - rule->nth >= rule->times) continue;
            say(call, place ? place : second, path, rule->what);
            if (strcmp(rule->what, "die") == 0) {
                syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
            } else if (strcmp(rule->what, "short") == 0) {
                what = SHORT;
            } else {
                what = begins(rule->what, "late") ? LATE : FAILS;
                *error = atoi(rule->what + (what == LATE ? 4 : 0));
            }
            break;
        }
    }
    errno = before;
    return what;
}

/* Whether a pipe is a standard stream: a runtime writes through copies of them. */
static bool is_standard(const char *pipe)
{
    char path[PATH_MAX];
    for (int file = 0; file <= STDERR_FILENO; file++)
        if (strcmp(path_of(file, path), pipe) == 0) return true;
    return false;
}

/* The standard streams of dynamo are those of whoever started it. Its runtime tells itself single numbers through pipes. */
static enum what decide_file(const char *call, int file, size_t size, int *error)
{
    char path[PATH_MAX];
    if (file < 0 || (!rule_count && !traces) || (is_dynamo && file <= STDERR_FILENO)) return NOTHING;
    path_of(file, path);
    if (begins(path, "pipe:") && (size < 9 || !is_dynamo || is_standard(path))) return NOTHING;
    if (begins(path, "socket:") && !is_dynamo) return NOTHING;
    return decide(call, path, NULL, error);
}

static enum what decide_at(const char *call, int folder, const char *name, int *error)
{
    char path[PATH_MAX];
    if (!rule_count && !traces) return NOTHING;
    return decide(call, path_at(folder, name, path), NULL, error);
}

static enum what decide_two(const char *call, int folder, const char *name, int to, const char *new_name, int *error)
{
    char path[PATH_MAX], other[PATH_MAX];
    if (!rule_count && !traces) return NOTHING;
    return decide(call, path_at(folder, name, path), path_at(to, new_name, other), error);
}

#define FAIL(error) return (errno = (error), -1)
#define ENDED(what, error, call) \
    if ((what) == FAILS) FAIL(error); \
    __typeof__(call) result = (call); \
    if ((what) == LATE && result >= 0) FAIL(error); \
    return result

/* An opened file whose number is not told is closed, as it would be by a system that fails. */
#define OPENED(what, error, call) \
    if ((what) == FAILS) FAIL(error); \
    long result = (call); \
    if ((what) == LATE && result >= 0) { syscall(SYS_close, (int)result); FAIL(error); } \
    return (int)result

static unsigned mode_of(int flags, va_list list) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, unsigned) : 0; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list list; va_start(list, flags); unsigned mode = mode_of(flags, list); va_end(list); \
        int error = 0; enum what what = decide_at(flags & O_CREAT ? "create" : "open", AT_FDCWD, path, &error); \
        REAL(int, name, const char *, int, ...); \
        OPENED(what, error, real(path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) \
    { \
        va_list list; va_start(list, flags); unsigned mode = mode_of(flags, list); va_end(list); \
        int error = 0; enum what what = decide_at(flags & O_CREAT ? "create" : "open", folder, path, &error); \
        REAL(int, name, int, const char *, int, ...); \
        OPENED(what, error, real(folder, path, flags, mode)); \
    }
OPENAT(openat)
OPENAT(openat64)

/* openat2, which has no function of its own. */
long syscall_of_ours(long number, ...) __asm__("syscall");
long syscall_of_ours(long number, ...)
{
    REAL(long, syscall, long, ...);
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    static __thread bool inside;
    if (inside || number != 437) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    inside = true;
    int error = 0;
    enum what what = decide_at("open", (int)a[0], (const char *)a[1], &error);
    inside = false;
    OPENED(what, error, real(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

static size_t half(enum what what, size_t size) { return what == SHORT && size > 1 ? size / 2 : size; }

ssize_t read(int file, void *to, size_t size)
{
    int error = 0; enum what what = decide_file("read", file, size, &error);
    REAL(ssize_t, read, int, void *, size_t);
    if (what == FAILS || what == LATE) FAIL(error);
    return real(file, to, half(what, size));
}

ssize_t write(int file, const void *from, size_t size)
{
    int error = 0; enum what what = decide_file("write", file, size, &error);
    REAL(ssize_t, write, int, const void *, size_t);
    ENDED(what, error, real(file, from, half(what, size)));
}

#define PREAD(name) \
    ssize_t name(int file, void *to, size_t size, off_t at) \
    { \
        int error = 0; enum what what = decide_file("read", file, size, &error); \
        REAL(ssize_t, name, int, void *, size_t, off_t); \
        if (what == FAILS || what == LATE) FAIL(error); \
        return real(file, to, half(what, size), at); \
    }
PREAD(pread)
PREAD(pread64)

#define PWRITE(name) \
    ssize_t name(int file, const void *from, size_t size, off_t at) \
    { \
        int error = 0; enum what what = decide_file("write", file, size, &error); \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        ENDED(what, error, real(file, from, half(what, size), at)); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* Vectors fail as a whole, or give only their first part. */
#define VECTOR(name, call) \
    ssize_t name(int file, const struct iovec *parts, int count, off_t at) \
    { \
        int error = 0; enum what what = decide_file(call, file, 4096, &error); \
        REAL(ssize_t, name, int, const struct iovec *, int, off_t); \
        ENDED(what, error, real(file, parts, what == SHORT && count > 1 ? 1 : count, at)); \
    }
VECTOR(preadv64, "read")
VECTOR(pwritev64, "write")

#define OF_FILE(call, name) \
    int name(int file) \
    { \
        int error = 0; enum what what = decide_file(call, file, 4096, &error); \
        REAL(int, name, int); \
        ENDED(what, error, real(file)); \
    }
OF_FILE("sync", fsync)
OF_FILE("sync", fdatasync)

/* Linux closes the file also when it says that something failed. */
int close(int file)
{
    int error = 0;
    enum what what = decide_file("close", file, 4096, &error);
    REAL(int, close, int);
    int result = real(file);
    if (what == FAILS || what == LATE) FAIL(error);
    return result;
}

#define TRUNCATE(name) \
    int name(int file, off_t size) \
    { \
        int error = 0; enum what what = decide_file("truncate", file, 4096, &error); \
        REAL(int, name, int, off_t); \
        ENDED(what, error, real(file, size)); \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char *from, const char *to)
{
    int error = 0; enum what what = decide_two("rename", AT_FDCWD, from, AT_FDCWD, to, &error);
    REAL(int, rename, const char *, const char *);
    ENDED(what, error, real(from, to));
}

int renameat(int folder, const char *from, int other, const char *to)
{
    int error = 0; enum what what = decide_two("rename", folder, from, other, to, &error);
    REAL(int, renameat, int, const char *, int, const char *);
    ENDED(what, error, real(folder, from, other, to));
}

int renameat2(int folder, const char *from, int other, const char *to, unsigned flags)
{
    replaces_nothing = flags != 0;
    int error = 0; enum what what = decide_two("rename", folder, from, other, to, &error);
    replaces_nothing = false;
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    ENDED(what, error, real(folder, from, other, to, flags));
}

int link(const char *from, const char *to)
{
    int error = 0; enum what what = decide_two("link", AT_FDCWD, from, AT_FDCWD, to, &error);
    REAL(int, link, const char *, const char *);
    ENDED(what, error, real(from, to));
}

int linkat(int folder, const char *from, int other, const char *to, int flags)
{
    int error = 0; enum what what = decide_two("link", folder, from, other, to, &error);
    REAL(int, linkat, int, const char *, int, const char *, int);
    ENDED(what, error, real(folder, from, other, to, flags));
}

int unlink(const char *path)
{
    int error = 0; enum what what = decide_at("unlink", AT_FDCWD, path, &error);
    REAL(int, unlink, const char *);
    ENDED(what, error, real(path));
}

int unlinkat(int folder, const char *path, int flags)
{
    int error = 0; enum what what = decide_at("unlink", folder, path, &error);
    REAL(int, unlinkat, int, const char *, int);
    ENDED(what, error, real(folder, path, flags));
}

int rmdir(const char *path)
{
    int error = 0; enum what what = decide_at("unlink", AT_FDCWD, path, &error);
    REAL(int, rmdir, const char *);
    ENDED(what, error, real(path));
}

int mkdir(const char *path, mode_t mode)
{
    int error = 0; enum what what = decide_at("mkdir", AT_FDCWD, path, &error);
    REAL(int, mkdir, const char *, mode_t);
    ENDED(what, error, real(path, mode));
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    int error = 0; enum what what = decide_at("mkdir", folder, path, &error);
    REAL(int, mkdirat, int, const char *, mode_t);
    ENDED(what, error, real(folder, path, mode));
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict stat)
{
    int error = 0; enum what what = decide_at("stat", folder, path, &error);
    REAL(int, statx, int, const char *, int, unsigned, struct statx *);
    ENDED(what, error, real(folder, path, flags, mask, stat));
}

#define STAT(name, type) \
    int name(const char *restrict path, struct type *restrict to) \
    { \
        int error = 0; enum what what = decide_at("stat", AT_FDCWD, path, &error); \
        REAL(int, name, const char *, struct type *); \
        ENDED(what, error, real(path, to)); \
    }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)

#define FSTAT(name, type) \
    int name(int file, struct type *to) \
    { \
        int error = 0; enum what what = decide_file("stat", file, 4096, &error); \
        REAL(int, name, int, struct type *); \
        ENDED(what, error, real(file, to)); \
    }
FSTAT(fstat, stat)
FSTAT(fstat64, stat64)

/* As programs call it that were built for an older C library. */
#define OLD_STAT(name) \
    int name(int version, const char *path, struct stat64 *to); \
    int name(int version, const char *path, struct stat64 *to) \
    { \
        int error = 0; enum what what = decide_at("stat", AT_FDCWD, path, &error); \
        REAL(int, name, int, const char *, struct stat64 *); \
        ENDED(what, error, real(version, path, to)); \
    }
OLD_STAT(__xstat64)
OLD_STAT(__lxstat64)

int __fxstat64(int version, int file, struct stat64 *to);
int __fxstat64(int version, int file, struct stat64 *to)
{
    int error = 0; enum what what = decide_file("stat", file, 4096, &error);
    REAL(int, __fxstat64, int, int, struct stat64 *);
    ENDED(what, error, real(version, file, to));
}

DIR *opendir(const char *path)
{
    int error = 0; enum what what = decide_at("list", AT_FDCWD, path, &error);
    REAL(DIR *, opendir, const char *);
    if (what == FAILS || what == LATE) return errno = error, NULL;
    return real(path);
}

#define READDIR(name, type) \
    struct type *name(DIR *folder) \
    { \
        int error = 0; enum what what = decide_file("list", dirfd(folder), 4096, &error); \
        REAL(struct type *, name, DIR *); \
        if (what == FAILS || what == LATE) return errno = error, NULL; \
        return real(folder); \
    }
READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

static bool is_lock(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

#define FCNTL(name) \
    int name(int file, int command, ...) \
    { \
        va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list); \
        int error = 0; \
        enum what what = is_lock(command) ? decide_file("lock", file, 4096, &error) : NOTHING; \
        REAL(int, name, int, int, ...); \
        ENDED(what, error, real(file, command, argument)); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int flock(int file, int operation)
{
    int error = 0; enum what what = decide_file("lock", file, 4096, &error);
    REAL(int, flock, int, int);
    ENDED(what, error, real(file, operation));
}

int fchmod(int file, mode_t mode)
{
    int error = 0; enum what what = decide_file("chmod", file, 4096, &error);
    REAL(int, fchmod, int, mode_t);
    ENDED(what, error, real(file, mode));
}

int futimens(int file, const struct timespec times[2])
{
    int error = 0; enum what what = decide_file("utime", file, 4096, &error);
    REAL(int, futimens, int, const struct timespec *);
    ENDED(what, error, real(file, times));
}

ssize_t recv(int socket, void *to, size_t size, int flags)
{
    int error = 0; enum what what = decide_file("receive", socket, size, &error);
    REAL(ssize_t, recv, int, void *, size_t, int);
    if (what == FAILS || what == LATE) FAIL(error);
    return real(socket, to, half(what, size), flags);
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
    int error = 0; enum what what = decide_file("receive", socket, 4096, &error);
    REAL(ssize_t, recvmsg, int, struct msghdr *, int);
    if (what == FAILS || what == LATE) FAIL(error);
    return real(socket, message, flags);
}

ssize_t send(int socket, const void *from, size_t size, int flags)
{
    int error = 0; enum what what = decide_file("send", socket, size, &error);
    REAL(ssize_t, send, int, const void *, size_t, int);
    ENDED(what, error, real(socket, from, half(what, size), flags));
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
{
    int error = 0; enum what what = decide_file("send", socket, 4096, &error);
    REAL(ssize_t, sendmsg, int, const struct msghdr *, int);
    ENDED(what, error, real(socket, message, flags));
}

int connect(int socket, const struct sockaddr *to, socklen_t size)
{
    int error = 0; enum what what = decide_file("connect", socket, 4096, &error);
    REAL(int, connect, int, const struct sockaddr *, socklen_t);
    ENDED(what, error, real(socket, to, size));
}

/* .NET's runtime asks for the functions of the C library by name, and of that library itself: what it gets is ours. */
void *dlsym(void *restrict library, const char *restrict name)
{
    static const char *const ours[] = {
        "open", "read", "close", "statx", "opendir", "readdir", "openat", "mkdirat", "unlinkat", "linkat", "renameat", "renameat2",
        "fsync", "flock", "syscall", "rename", "fcntl", NULL,
    };
    void *found = real_dlsym()(library, name);
    if (!found || library == RTLD_NEXT) return found;
    for (int i = 0; ours[i]; i++)
        if (strcmp(ours[i], name) == 0 && found == find(name)) return real_dlsym()(RTLD_DEFAULT, name);
    return found;
}
