#define FUSE_USE_VERSION 314
#include "CFUSE.h"
