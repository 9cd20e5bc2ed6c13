#pragma once

/// Opens `path` below `directory`, never leaving it: no `..` and no link that leads out (openat2(2), RESOLVE_BENEATH).
/// O_CLOEXEC is added. Where the kernel has no openat2, links are not followed at all. A descriptor or -errno: EXDEV or
/// ELOOP for what would leave.
int clinux_open_beneath(int directory, const char *path, int flags);
/// As clinux_open_beneath with O_PATH: a descriptor for fstat(2) only, which needs no right to read.
int clinux_locate_beneath(int directory, const char *path);
