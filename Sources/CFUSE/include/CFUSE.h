// libfuse's low-level interface, and plain functions for what Swift cannot call: macros, inline functions that differ
// from version to version, bit-fields, variadics. Builds with libfuse 3.14 and newer.
#pragma once
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <stdint.h>

/// fuse_session_new(3) with `-o options`; NULL when the options are refused (libfuse says why through its log).
struct fuse_session *cfuse_session_new(const char *options, const struct fuse_lowlevel_ops *operations, void *userdata);

/// fuse_session_mount(3), then takes over the session's device I/O, so that the INIT reply can be completed; 0 or -1.
int cfuse_session_mount(struct fuse_session *session, const char *mountpoint);

/// To be called in the `init` operation: what this file system wants of the kernel. With `parallel` false the kernel
/// sends one LOOKUP per directory at a time (for the test that shows the difference). Nonzero: the kernel understands
/// ENOSYS to OPEN (FUSE_CAP_NO_OPEN_SUPPORT).
int cfuse_configure(struct fuse_conn_info *connection, unsigned background, int parallel);

/// fuse_session_receive_buf(3): > 0 bytes, 0 at the end of the mount, -errno.
int cfuse_receive(struct fuse_session *session, struct fuse_buf *buffer);
/// fuse_session_process_buf(3).
void cfuse_process(struct fuse_session *session, const struct fuse_buf *buffer);

/// Lines of libfuse's own log go to `sink` (LOG_ERR... of syslog, text without newline), from any thread.
void cfuse_set_log(void (*sink)(int level, const char *line));

/// A pointer of the calling thread's own.
void cfuse_set_thread_pointer(void *pointer);
void *cfuse_thread_pointer(void);

/// Makes SIGURG end a blocked system call of a thread that has it unblocked, and do nothing else; once per process.
void cfuse_prepare_wakeup(void);
/// Lets the calling thread be woken.
void cfuse_allow_wakeup(void);
