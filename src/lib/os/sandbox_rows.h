/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the sandbox, for sandbox.c only: paths (Landlock) and calls (seccomp). */
#ifndef IMS_OS_SANDBOX_ROWS_H
#define IMS_OS_SANDBOX_ROWS_H

#include <stdbool.h>

/* Groups of system calls, listed in sandbox_calls.c. */
enum {
	SANDBOX_BASE = 1,       /* memory, clocks, descriptors that are open, the loop */
	SANDBOX_ACCEPT = 2,     /* take clients of a listening socket */
	SANDBOX_FILES = 4,      /* open and change files, as far as the paths allow */
	SANDBOX_THREADS = 8,    /* start threads, not processes */
	SANDBOX_SOCKETS = 16,   /* make sockets */
	SANDBOX_SANITIZER = 32, /* what a sanitizer's run time wants besides */
	SANDBOX_DATAGRAMS = 64, /* make and bind sockets of UDP over IPv4 and IPv6 */
	SANDBOX_CLIENT = 128,   /* make and connect sockets of TCP over IPv4 and IPv6 */
	SANDBOX_LOCAL = 256,    /* make and connect unix stream sockets */
	SANDBOX_NAMES = 512,    /* the C library looks for names of hosts */
};

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANDBOX_SANITIZED true
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED false
#endif

struct sandbox_row {
	const char *role;
	unsigned calls;
};

/* Each 0, or -errno where the kernel does not offer it. */
bool sandbox_paths_any(void);
int sandbox_paths_enter(unsigned groups);
int sandbox_calls_enter(unsigned groups);

#endif
