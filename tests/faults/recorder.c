/*
 * Records what a program does to the files below one folder, in one global order, so that a test can build the
 * disk as a loss of power at any moment could have left it. Loaded with LD_PRELOAD.
 *
 *   RECORD_ROOT     the folder; a canonical, absolute path
 *   RECORD_JOURNAL  a file outside of it whose writes are recorded as notes in the same order
 *   RECORD_LOG      where to append the records
 *   RECORD_KILL_AT  after this many records the process kills itself, between two operations
 *
 * Every change of a tracked file happens under one lock together with its record, so the order of the records is the
 * order of the changes. Syncs are recorded at their start and at their end, and run outside of the lock: a sync only
 * covers what had ended before it began. Files are told apart by their path at that moment, which is asked of the
 * kernel, so duplicated descriptors need no bookkeeping. What this file does not know of (links, truncation by path)
 * shows all the same, because a test compares the recording, replayed in full, with the folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    KIND_WRITE = 1,      /* path, a = offset, data */
    KIND_TRUNCATE = 2,   /* path, a = size */
    KIND_EXTEND = 3,     /* path, a = size that the file has at least */
    KIND_OPEN = 4,       /* path, a = 1 when it was created, b = 1 when it was cut to nothing */
    KIND_SYNC_START = 5, /* path, a = number of the sync, b = enum sync */
    KIND_SYNC_END = 6,   /* a = number of the sync, b = 0 when it succeeded */
    KIND_RENAME = 7,     /* path, second path */
    KIND_UNLINK = 8,     /* path */
    KIND_MKDIR = 9,      /* path */
    KIND_RMDIR = 10,     /* path */
    KIND_JOURNAL = 11,   /* data */
    KIND_COMPLAINT = 12, /* data: something that cannot be recorded was tried */
};

enum sync { SYNC_ALL = 1, SYNC_DATA = 2, SYNC_RANGE = 3, SYNC_MAP = 4 };

enum tracked { UNTRACKED = 0, BELOW_ROOT = 1, IS_JOURNAL = 2 };

struct header {
    uint32_t kind;
    uint32_t path_length;
    uint32_t second_length;
    uint32_t data_length;
    uint64_t a;
    uint64_t b;
};

#define PATH_BYTES 4096

/* With 64-bit offsets a function and its variant for large files are one and the same. */
_Static_assert(sizeof(off_t) == sizeof(off64_t), "a 64-bit system");
#define SAME_AS(name) __attribute__((alias(#name)))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char root[PATH_BYTES];
static char journal[PATH_BYTES];
static size_t root_length;
static int log_descriptor = -1;
static uint64_t records;
static uint64_t kill_at;
static uint64_t syncs;

static void say(const char *what, const char *detail) {
    char line[PATH_BYTES + 256];
    int length = snprintf(line, sizeof line, "recorder: %s: %s\n", what, detail);
    syscall(SYS_write, 2, line, (size_t)length);
}

static void give_up(const char *what) {
    say(what, "the recording is of no use");
    _exit(70);
}

static const char *setting(const char *name) {
    const char *text = getenv(name);
    return text == NULL ? "" : text;
}

static void start(void) {
    const char *log_text = setting("RECORD_LOG");
    root_length = (size_t)snprintf(root, sizeof root, "%s", setting("RECORD_ROOT"));
    snprintf(journal, sizeof journal, "%s", setting("RECORD_JOURNAL"));
    kill_at = strtoull(setting("RECORD_KILL_AT"), NULL, 10);
    if (root_length == 0 || log_text[0] == 0) return;
    log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, log_text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_descriptor < 0) give_up("cannot open RECORD_LOG");
    /* Numbers of syncs stay apart between the runs that share one log. */
    syncs = (uint64_t)getpid() << 32;
}

static int recording(void) {
    pthread_once(&once, start);
    return log_descriptor >= 0;
}

/* Called with the lock held. Keeps errno. */
static void record(enum kind kind, const char *path, const char *second, uint64_t a, uint64_t b,
                   const struct iovec *parts, int part_count, size_t data_length) {
    int kept = errno;
    struct header header = {.kind = kind, .a = a, .b = b};
    header.path_length = path == NULL ? 0 : (uint32_t)strlen(path);
    header.second_length = second == NULL ? 0 : (uint32_t)strlen(second);
    header.data_length = (uint32_t)data_length;
    struct iovec out[1024];
    int count = 0;
    if (part_count > 1024 - 3) give_up("too many parts in one write");
    out[count++] = (struct iovec){&header, sizeof header};
    if (header.path_length > 0) out[count++] = (struct iovec){(void *)path, header.path_length};
    if (header.second_length > 0) out[count++] = (struct iovec){(void *)second, header.second_length};
    size_t left = data_length;
    for (int i = 0; i < part_count && left > 0; i++) {
        size_t length = parts[i].iov_len < left ? parts[i].iov_len : left;
        if (length > 0) out[count++] = (struct iovec){parts[i].iov_base, length};
        left -= length;
    }
    size_t expected = sizeof header + header.path_length + header.second_length + data_length;
    long written = syscall(SYS_writev, log_descriptor, out, count);
    if (written < 0 || (size_t)written != expected) give_up("cannot append to RECORD_LOG");
    records++;
    if (kill_at != 0 && records >= kill_at) {
        /* The lock is never given back: no tracked file changes after the last record. */
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
    errno = kept;
}

static void complain(const char *what, const char *path) {
    char line[PATH_BYTES + 256];
    int length = snprintf(line, sizeof line, "%s on %s", what, path);
    struct iovec part = {line, (size_t)length};
    int kept = errno;
    say("cannot be recorded", line);
    errno = kept;
    pthread_mutex_lock(&lock);
    record(KIND_COMPLAINT, NULL, NULL, 0, 0, &part, 1, part.iov_len);
    pthread_mutex_unlock(&lock);
}

static enum tracked judge(const char *path) {
    if (journal[0] != 0 && strcmp(path, journal) == 0) return IS_JOURNAL;
    if (strncmp(path, root, root_length) != 0) return UNTRACKED;
    return path[root_length] == '/' || path[root_length] == 0 ? BELOW_ROOT : UNTRACKED;
}

/* The path of an open file now; untracked when it has none any more. Keeps errno. */
static enum tracked path_of(int descriptor, char *path) {
    if (descriptor < 0 || !recording()) return UNTRACKED;
    int kept = errno;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_BYTES - 1);
    errno = kept;
    if (length <= 0) return UNTRACKED;
    path[length] = 0;
    static const char gone[] = " (deleted)";
    size_t gone_length = sizeof gone - 1;
    if ((size_t)length > gone_length && strcmp(path + length - gone_length, gone) == 0) return UNTRACKED;
    return judge(path);
}

/* Makes a path absolute; what is given is expected to be free of links and dots below the root. */
static enum tracked absolute(int folder, const char *given, char *path) {
    if (given == NULL || !recording()) return UNTRACKED;
    if (given[0] == '/') {
        snprintf(path, PATH_BYTES, "%s", given);
        return judge(path);
    }
    char base[PATH_BYTES];
    char link[64] = "/proc/self/cwd";
    int kept = errno;
    if (folder != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
    errno = kept;
    if (length <= 0) return UNTRACKED;
    base[length] = 0;
    if ((size_t)length + strlen(given) + 2 > PATH_BYTES) return UNTRACKED;
    memcpy(path, base, (size_t)length);
    path[length] = '/';
    strcpy(path + length + 1, given);
    return judge(path);
}

/* Takes the lock if the file is tracked, and finds its path again under it, because a rename may have come between. */
static enum tracked enter(int descriptor, char *path) {
    if (path_of(descriptor, path) == UNTRACKED) return UNTRACKED;
    pthread_mutex_lock(&lock);
    enum tracked tracked = path_of(descriptor, path);
    if (tracked == UNTRACKED) pthread_mutex_unlock(&lock);
    return tracked;
}

static void leave(void) { pthread_mutex_unlock(&lock); }

static void note_write(enum tracked tracked, const char *path, int64_t offset, const struct iovec *parts, int count,
                       ssize_t written) {
    if (written <= 0) return;
    if (tracked == IS_JOURNAL) {
        record(KIND_JOURNAL, NULL, NULL, 0, 0, parts, count, (size_t)written);
    } else {
        record(KIND_WRITE, path, NULL, (uint64_t)offset, 0, parts, count, (size_t)written);
    }
}

/* ---- writes ---- */

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    char path[PATH_BYTES];
    enum tracked tracked = enter(descriptor, path);
    ssize_t written = syscall(SYS_writev, descriptor, parts, count);
    if (tracked == UNTRACKED) return written;
    if (written > 0) {
        /* After the write the position is its end, with O_APPEND too. */
        int64_t end = syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
        note_write(tracked, path, end - written, parts, count, written);
    }
    leave();
    return written;
}

ssize_t write(int descriptor, const void *data, size_t length) {
    char path[PATH_BYTES];
    if (path_of(descriptor, path) == UNTRACKED) return syscall(SYS_write, descriptor, data, length);
    struct iovec part = {(void *)data, length};
    return writev(descriptor, &part, 1);
}

ssize_t pwritev64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags) {
    char path[PATH_BYTES];
    enum tracked tracked = enter(descriptor, path);
    ssize_t written = syscall(SYS_pwritev2, descriptor, parts, count, offset, 0, flags);
    if (tracked == UNTRACKED) return written;
    note_write(tracked, path, offset, parts, count, written);
    leave();
    return written;
}

ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) SAME_AS(pwritev64v2);

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    struct iovec part = {(void *)data, length};
    return pwritev64v2(descriptor, &part, 1, offset, 0);
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) SAME_AS(pwrite64);

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    return pwritev64v2(descriptor, parts, count, offset, 0);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) SAME_AS(pwritev64);

/* ---- sizes ---- */

int ftruncate64(int descriptor, off64_t size) {
    char path[PATH_BYTES];
    enum tracked tracked = enter(descriptor, path);
    int result = (int)syscall(SYS_ftruncate, descriptor, size);
    if (tracked == UNTRACKED) return result;
    if (result == 0 && tracked == BELOW_ROOT) record(KIND_TRUNCATE, path, NULL, (uint64_t)size, 0, NULL, 0, 0);
    leave();
    return result;
}

int ftruncate(int descriptor, off_t size) SAME_AS(ftruncate64);

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
    char path[PATH_BYTES];
    enum tracked tracked = enter(descriptor, path);
    int result = (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
    if (tracked == UNTRACKED) return result;
    if (result == 0 && mode == 0) record(KIND_EXTEND, path, NULL, (uint64_t)(offset + length), 0, NULL, 0, 0);
    leave();
    if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE) complain("fallocate with a mode", path);
    return result;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) SAME_AS(fallocate64);

int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    int kept = errno;
    int result = fallocate64(descriptor, 0, offset, length) == 0 ? 0 : errno;
    errno = kept;
    return result;
}

int posix_fallocate(int descriptor, off_t offset, off_t length) SAME_AS(posix_fallocate64);

/* ---- syncs ---- */

static uint64_t sync_start(const char *path, enum sync sync) {
    pthread_mutex_lock(&lock);
    uint64_t number = ++syncs;
    record(KIND_SYNC_START, path, NULL, number, sync, NULL, 0, 0);
    leave();
    return number;
}

static int sync_end(uint64_t number, int result) {
    pthread_mutex_lock(&lock);
    record(KIND_SYNC_END, NULL, NULL, number, result == 0 ? 0 : 1, NULL, 0, 0);
    leave();
    return result;
}

static int recorded_sync(int descriptor, long call, enum sync sync) {
    char path[PATH_BYTES];
    if (path_of(descriptor, path) != BELOW_ROOT) return (int)syscall(call, descriptor);
    uint64_t number = sync_start(path, sync);
    return sync_end(number, (int)syscall(call, descriptor));
}

int fsync(int descriptor) { return recorded_sync(descriptor, SYS_fsync, SYNC_ALL); }

int fdatasync(int descriptor) { return recorded_sync(descriptor, SYS_fdatasync, SYNC_DATA); }

int sync_file_range(int descriptor, off64_t offset, off64_t length, unsigned int flags) {
    char path[PATH_BYTES];
    int tracked = path_of(descriptor, path) == BELOW_ROOT;
    uint64_t number = tracked ? sync_start(path, SYNC_RANGE) : 0;
    int result = (int)syscall(SYS_sync_file_range, descriptor, offset, length, flags);
    return tracked ? sync_end(number, result) : result;
}

int msync(void *address, size_t length, int flags) {
    int tracked = recording();
    uint64_t number = tracked ? sync_start("", SYNC_MAP) : 0;
    int result = (int)syscall(SYS_msync, address, length, flags);
    return tracked ? sync_end(number, result) : result;
}

/* A sync of everything would count as none, which could accuse a store wrongly: say so. */
void sync(void) {
    if (recording()) complain("sync", "everything");
    syscall(SYS_sync);
}

int syncfs(int descriptor) {
    if (recording()) complain("syncfs", "everything");
    return (int)syscall(SYS_syncfs, descriptor);
}

/* ---- names ---- */

static int recorded_open(int folder, const char *given, int flags, mode_t mode) {
    char path[PATH_BYTES];
    int changes = (flags & (O_CREAT | O_TRUNC)) != 0;
    if (!changes || absolute(folder, given, path) != BELOW_ROOT) {
        return (int)syscall(SYS_openat, folder, given, flags, mode);
    }
    pthread_mutex_lock(&lock);
    int kept = errno;
    int existed = syscall(SYS_faccessat, folder, given, F_OK) == 0;
    errno = kept;
    int result = (int)syscall(SYS_openat, folder, given, flags, mode);
    char canonical[PATH_BYTES];
    if (result >= 0 && path_of(result, canonical) == BELOW_ROOT && (!existed || (flags & O_TRUNC) != 0)) {
        record(KIND_OPEN, canonical, NULL, (uint64_t)!existed, (flags & O_TRUNC) != 0, NULL, 0, 0);
    }
    leave();
    return result;
}

static mode_t mode_argument(int flags, va_list arguments) {
    /* A mode is passed as an int, because of C's promotions. */
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(arguments, int) : 0;
}

int open64(const char *given, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return recorded_open(AT_FDCWD, given, flags, mode);
}

int open(const char *given, int flags, ...) SAME_AS(open64);

int openat64(int folder, const char *given, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return recorded_open(folder, given, flags, mode);
}

int openat(int folder, const char *given, int flags, ...) SAME_AS(openat64);

int creat(const char *given, mode_t mode) {
    return recorded_open(AT_FDCWD, given, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *given, mode_t mode) SAME_AS(creat);

int renameat2(int old_folder, const char *old_given, int new_folder, const char *new_given, unsigned int flags) {
    char old_path[PATH_BYTES], new_path[PATH_BYTES];
    enum tracked from = absolute(old_folder, old_given, old_path);
    enum tracked to = absolute(new_folder, new_given, new_path);
    if (from != to || flags != 0) {
        if (from == BELOW_ROOT || to == BELOW_ROOT) complain("a rename across the folder's border", old_path);
    }
    if (from != BELOW_ROOT || to != BELOW_ROOT) {
        return (int)syscall(SYS_renameat2, old_folder, old_given, new_folder, new_given, flags);
    }
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_renameat2, old_folder, old_given, new_folder, new_given, flags);
    if (result == 0) record(KIND_RENAME, old_path, new_path, 0, 0, NULL, 0, 0);
    leave();
    return result;
}

int renameat(int old_folder, const char *old_given, int new_folder, const char *new_given) {
    return renameat2(old_folder, old_given, new_folder, new_given, 0);
}

int rename(const char *old_given, const char *new_given) {
    return renameat2(AT_FDCWD, old_given, AT_FDCWD, new_given, 0);
}

static int recorded_removal(int folder, const char *given, int flags) {
    char path[PATH_BYTES];
    if (absolute(folder, given, path) != BELOW_ROOT) return (int)syscall(SYS_unlinkat, folder, given, flags);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_unlinkat, folder, given, flags);
    enum kind kind = (flags & AT_REMOVEDIR) != 0 ? KIND_RMDIR : KIND_UNLINK;
    if (result == 0) record(kind, path, NULL, 0, 0, NULL, 0, 0);
    leave();
    return result;
}

int unlinkat(int folder, const char *given, int flags) { return recorded_removal(folder, given, flags); }

int unlink(const char *given) { return recorded_removal(AT_FDCWD, given, 0); }

int rmdir(const char *given) { return recorded_removal(AT_FDCWD, given, AT_REMOVEDIR); }

int mkdirat(int folder, const char *given, mode_t mode) {
    char path[PATH_BYTES];
    if (absolute(folder, given, path) != BELOW_ROOT) return (int)syscall(SYS_mkdirat, folder, given, mode);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_mkdirat, folder, given, mode);
    if (result == 0) record(KIND_MKDIR, path, NULL, 0, 0, NULL, 0, 0);
    leave();
    return result;
}

int mkdir(const char *given, mode_t mode) { return mkdirat(AT_FDCWD, given, mode); }

/* ---- what cannot be recorded is refused, so that callers fall back to plain writes, or complained about ---- */

/* Copies inside the kernel: callers fall back to reading and writing. */
static int refuse(const char *what, int to) {
    char path[PATH_BYTES];
    if (path_of(to, path) == UNTRACKED) return 0;
    say(what, path);
    errno = ENOSYS;
    return 1;
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length,
                        unsigned int flags) {
    if (refuse("copy_file_range is refused", to)) return -1;
    return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    if (refuse("sendfile is refused", to)) return -1;
    return syscall(SYS_sendfile, to, from, offset, length);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) SAME_AS(sendfile64);

void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t offset) {
    char path[PATH_BYTES];
    int writes = descriptor >= 0 && (protection & PROT_WRITE) != 0 && (flags & MAP_PRIVATE) == 0;
    if (writes && path_of(descriptor, path) != UNTRACKED) complain("a writable shared mapping", path);
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) SAME_AS(mmap64);
