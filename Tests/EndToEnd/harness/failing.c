/* Loaded before libc into a daemon (LD_PRELOAD): system calls on files below one folder fail as told through a page that
   is shared with the test. SQLite's calls come this way too. Everything else is passed on. See failing.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, NAME = 16, SIZE = 32, STAT = 64, MAP = 128, PUNCH = 256 };

/* The layout is failing.py's `Failing._WORDS`. */
struct control {
  _Atomic uint32_t kinds; /* which calls count; 0: none */
  _Atomic uint32_t first; /* the number of the first one that fails */
  _Atomic uint32_t step;  /* 0: that one alone; else it and every step-th after it */
  _Atomic uint32_t error;
  _Atomic uint32_t calls;
  _Atomic uint32_t struck;
  char last[40];
};

static struct control *control;
static const char *folder;
static size_t folder_length;
static _Atomic unsigned char ours[1 << 16];

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAILING_CONTROL");
  folder = getenv("FAILING_FOLDER");
  if (!path || !folder) return;
  folder_length = strlen(folder);
  REAL(int, "open", const char *, int, ...);
  int file = real(path, O_RDWR | O_CLOEXEC);
  if (file < 0) abort();
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) abort();
  close(file);
  control = page;
}

static int is_below(const char *path) {
  return control && path && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

static int is_ours(int file) { return control && file >= 0 && file < (1 << 16) && ours[file]; }
static int is_at(int directory, const char *path) { return path && path[0] != '/' ? is_ours(directory) : is_below(path); }

/* Whether this call is to fail; errno is set then. */
static int strikes(int concerned, uint32_t kind, const char *name) {
  if (!concerned || !(control->kinds & kind)) return 0;
  uint32_t number = ++control->calls;
  uint32_t first = control->first, step = control->step;
  if (!first || number < first || (step ? (number - first) % step : number != first)) return 0;
  control->struck++;
  strncpy(control->last, name, sizeof control->last - 1);
  errno = (int)control->error;
  return 1;
}

static int opened(int file, int concerned) {
  if (file >= 0 && file < (1 << 16)) ours[file] = (unsigned char)concerned;
  return file;
}

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

#define OPENS(function) \
  int function(const char *path, int flags, ...) { \
    REAL(int, #function, const char *, int, ...); \
    MODE_OF(flags) \
    if (strikes(is_below(path), OPEN, "open")) return -1; \
    return opened(real(path, flags, mode), is_below(path)); \
  }
#define OPENS_AT(function) \
  int function(int at, const char *path, int flags, ...) { \
    REAL(int, #function, int, const char *, int, ...); \
    MODE_OF(flags) \
    int concerned = is_at(at, path); \
    if (strikes(concerned, OPEN, "openat")) return -1; \
    return opened(real(at, path, flags, mode), concerned); \
  }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

int close(int file) {
  REAL(int, "close", int);
  if (file >= 0 && file < (1 << 16)) ours[file] = 0;
  return real(file);
}

/* A call on a descriptor. */
#define ON_FILE(type, function, kind, failure, declaration, call) \
  type function declaration { \
    static type(*real) declaration; \
    if (!real) real = (type(*) declaration)dlsym(RTLD_NEXT, #function); \
    if (strikes(is_ours(file), kind, #function)) return failure; \
    return real call; \
  }
ON_FILE(ssize_t, read, READ, -1, (int file, void *b, size_t n), (file, b, n))
ON_FILE(ssize_t, pread, READ, -1, (int file, void *b, size_t n, off_t o), (file, b, n, o))
ON_FILE(ssize_t, pread64, READ, -1, (int file, void *b, size_t n, off64_t o), (file, b, n, o))
ON_FILE(ssize_t, write, WRITE, -1, (int file, const void *b, size_t n), (file, b, n))
ON_FILE(ssize_t, pwrite, WRITE, -1, (int file, const void *b, size_t n, off_t o), (file, b, n, o))
ON_FILE(ssize_t, pwrite64, WRITE, -1, (int file, const void *b, size_t n, off64_t o), (file, b, n, o))
ON_FILE(int, fsync, SYNC, -1, (int file), (file))
ON_FILE(int, fdatasync, SYNC, -1, (int file), (file))
ON_FILE(int, ftruncate, SIZE, -1, (int file, off_t o), (file, o))
ON_FILE(int, ftruncate64, SIZE, -1, (int file, off64_t o), (file, o))
#define OR_PUNCH(mode) ((mode) & FALLOC_FL_PUNCH_HOLE ? PUNCH : SIZE)
ON_FILE(int, fallocate, OR_PUNCH(m), -1, (int file, int m, off_t o, off_t n), (file, m, o, n))
ON_FILE(int, fallocate64, OR_PUNCH(m), -1, (int file, int m, off64_t o, off64_t n), (file, m, o, n))
ON_FILE(int, posix_fallocate, SIZE, (int)control->error, (int file, off_t o, off_t n), (file, o, n))
ON_FILE(int, posix_fallocate64, SIZE, (int)control->error, (int file, off64_t o, off64_t n), (file, o, n))
ON_FILE(int, fstat, STAT, -1, (int file, struct stat *s), (file, s))
ON_FILE(int, fstat64, STAT, -1, (int file, struct stat64 *s), (file, s))
ON_FILE(int, fstatvfs, STAT, -1, (int file, struct statvfs *s), (file, s))
ON_FILE(void *, mmap, MAP, MAP_FAILED, (void *a, size_t n, int p, int f, int file, off_t o), (a, n, p, f, file, o))
ON_FILE(void *, mmap64, MAP, MAP_FAILED, (void *a, size_t n, int p, int f, int file, off64_t o), (a, n, p, f, file, o))

/* A call on a path. */
#define ON_PATH(function, kind, concerned, declaration, call) \
  int function declaration { \
    static int(*real) declaration; \
    if (!real) real = (int(*) declaration)dlsym(RTLD_NEXT, #function); \
    if (strikes(concerned, kind, #function)) return -1; \
    return real call; \
  }
ON_PATH(unlink, NAME, is_below(p), (const char *p), (p))
ON_PATH(unlinkat, NAME, is_at(d, p), (int d, const char *p, int f), (d, p, f))
ON_PATH(rename, NAME, is_below(p), (const char *p, const char *q), (p, q))
ON_PATH(mkdir, NAME, is_below(p), (const char *p, mode_t m), (p, m))
ON_PATH(mkdirat, NAME, is_at(d, p), (int d, const char *p, mode_t m), (d, p, m))
ON_PATH(stat, STAT, is_below(p), (const char *p, struct stat *s), (p, s))
ON_PATH(stat64, STAT, is_below(p), (const char *p, struct stat64 *s), (p, s))
ON_PATH(lstat, STAT, is_below(p), (const char *p, struct stat *s), (p, s))
ON_PATH(lstat64, STAT, is_below(p), (const char *p, struct stat64 *s), (p, s))
ON_PATH(fstatat, STAT, is_at(d, p), (int d, const char *p, struct stat *s, int f), (d, p, s, f))
ON_PATH(fstatat64, STAT, is_at(d, p), (int d, const char *p, struct stat64 *s, int f), (d, p, s, f))
