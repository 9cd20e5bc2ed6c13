// The shim is its header; this file gives the target something to compile.
#include "CZlib.h"
