/// Linux system calls for Swift: constants, structures and macros that the Swift importer cannot
/// see, and calls that answer -errno instead of setting errno. See the parts.
#ifndef CARILLON_CLINUXUAPI_H
#define CARILLON_CLINUXUAPI_H

#include "uapi_block.h"
#include "uapi_console.h"
#include "uapi_descriptor.h"
#include "uapi_kvm.h"
#include "uapi_memory.h"
#include "uapi_process.h"
#include "uapi_socket.h"

#endif
