#define _GNU_SOURCE
#include "CLinuxBeneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Component by component; a link anywhere is ELOOP.
static int open_by_steps(int directory, const char *path, int flags) {
  int current = directory;
  while (1) {
    const char *slash = strchrnul(path, '/');
    char name[256];
    size_t length = (size_t)(slash - path);
    int result = -ENAMETOOLONG;
    if (length < sizeof name) {
      memcpy(name, path, length);
      name[length] = 0;
      if (strcmp(name, "..") == 0) {
        result = -EXDEV;
      } else {
        int step = *slash ? (O_PATH | O_DIRECTORY) : flags;
        result = openat(current, name, step | O_NOFOLLOW | O_CLOEXEC);
        if (result < 0) {
          result = -errno;
          // O_DIRECTORY on a link: not "no such object", but a link that is not followed.
          struct stat status;
          if (result == -ENOTDIR && fstatat(current, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode))
            result = -ELOOP;
        }
      }
    }
    if (current != directory) close(current);
    if (result < 0 || !*slash) return result;
    current = result;
    path = slash + 1;
  }
}

int clinux_open_beneath(int directory, const char *path, int flags) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename raced with the walk.
  for (int attempt = 0; attempt < 32; attempt++) {
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (descriptor >= 0) return (int)descriptor;
    if (errno == EINTR || errno == EAGAIN) continue;
    // EPERM: container runtimes of 2020 refuse calls they do not know with it.
    if (errno == ENOSYS || errno == EPERM) return open_by_steps(directory, path, flags);
    return -errno;
  }
  return -EAGAIN;
}

int clinux_locate_beneath(int directory, const char *path) { return clinux_open_beneath(directory, path, O_PATH); }
