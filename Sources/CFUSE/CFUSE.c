#define _GNU_SOURCE
#include "CFUSE.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct fuse_session *cfuse_session_new(const char *options, const struct fuse_lowlevel_ops *operations, void *userdata) {
  struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
  struct fuse_session *session = NULL;
  if (fuse_opt_add_arg(&arguments, "zarrfs") == 0 && fuse_opt_add_arg(&arguments, "-o") == 0 &&
      fuse_opt_add_arg(&arguments, options) == 0)
    session = fuse_session_new(&arguments, operations, sizeof *operations, userdata);
  fuse_opt_free_args(&arguments);
  return session;
}

// libfuse 3.14.0 takes FUSE_CAP_PARALLEL_DIROPS into `want` but leaves the bit out of its INIT reply (libfuse PR 861).
// INIT is answered on the thread that ran the `init` operation, by the next write: that one gets the bit.
static _Thread_local int add_parallel_dirops;

static ssize_t write_device(int descriptor, struct iovec *parts, int count, void *userdata) {
  (void)userdata;
  if (add_parallel_dirops) {
    add_parallel_dirops = 0;
    if (count >= 2 && parts[1].iov_len >= 16) {
      struct fuse_init_out *reply = parts[1].iov_base;
      if (reply->major == FUSE_KERNEL_VERSION) reply->flags |= FUSE_PARALLEL_DIROPS;
    }
  }
  return writev(descriptor, parts, count);
}

static ssize_t read_device(int descriptor, void *buffer, size_t size, void *userdata) {
  (void)userdata;
  return read(descriptor, buffer, size);
}

int cfuse_session_mount(struct fuse_session *session, const char *mountpoint) {
  if (fuse_session_mount(session, mountpoint) != 0) return -1;
  const struct fuse_custom_io io = {.writev = write_device, .read = read_device};
  if (fuse_session_custom_io(session, &io, fuse_session_fd(session)) != 0) {
    fuse_session_unmount(session);
    return -1;
  }
  return 0;
}

static void set_feature(struct fuse_conn_info *connection, uint64_t feature, int on) {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
  if (on)
    fuse_set_feature_flag(connection, feature);
  else
    fuse_unset_feature_flag(connection, feature);
#else
  if (!on)
    connection->want &= ~(unsigned)feature;
  else if (connection->capable & feature)
    connection->want |= (unsigned)feature;
#endif
}

int cfuse_configure(struct fuse_conn_info *connection, unsigned background, int parallel) {
  connection->max_background = background;
  connection->congestion_threshold = background * 3 / 4;
  set_feature(connection, FUSE_CAP_ASYNC_READ, 1);
  set_feature(connection, FUSE_CAP_READDIRPLUS, 1);
  set_feature(connection, FUSE_CAP_READDIRPLUS_AUTO, 1);
  set_feature(connection, FUSE_CAP_PARALLEL_DIROPS, parallel);
  set_feature(connection, FUSE_CAP_AUTO_INVAL_DATA, 0);
  set_feature(connection, FUSE_CAP_EXPORT_SUPPORT, 0);
  set_feature(connection, FUSE_CAP_SPLICE_READ, 0);
  set_feature(connection, FUSE_CAP_SPLICE_WRITE, 0);
  set_feature(connection, FUSE_CAP_SPLICE_MOVE, 0);
  add_parallel_dirops = parallel && (connection->capable & FUSE_CAP_PARALLEL_DIROPS);
  return (connection->capable & FUSE_CAP_NO_OPEN_SUPPORT) != 0;
}

int cfuse_receive(struct fuse_session *session, struct fuse_buf *buffer) {
  return fuse_session_receive_buf(session, buffer);
}

void cfuse_process(struct fuse_session *session, const struct fuse_buf *buffer) {
  fuse_session_process_buf(session, buffer);
}

static void (*log_sink)(int level, const char *line);

static void write_log(enum fuse_log_level level, const char *format, va_list arguments) {
  char line[1024];
  int length = vsnprintf(line, sizeof line, format, arguments);
  if (length < 0) return;
  if ((size_t)length >= sizeof line) length = sizeof line - 1;
  while (length > 0 && line[length - 1] == '\n') line[--length] = 0;
  if (length > 0) log_sink((int)level, line);
}

void cfuse_set_log(void (*sink)(int level, const char *line)) {
  log_sink = sink;
  fuse_set_log_func(write_log);
}

static _Thread_local void *thread_pointer;

void cfuse_set_thread_pointer(void *pointer) { thread_pointer = pointer; }
void *cfuse_thread_pointer(void) { return thread_pointer; }

static void do_nothing(int signal) { (void)signal; }

void cfuse_prepare_wakeup(void) {
  struct sigaction action = {.sa_handler = do_nothing};  // without SA_RESTART: read(2) returns EINTR
  sigaction(SIGURG, &action, NULL);
}

void cfuse_allow_wakeup(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
