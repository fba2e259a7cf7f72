/* SPDX-License-Identifier: Apache-2.0 */
/* What each worker is working on, in memory shared with master, so that a death can be
 * told with its session, its message and its client (event 4037). One slot a process,
 * written by that process alone, by plain stores. */
#ifndef IMS_IPC_SCOREBOARD_H
#define IMS_IPC_SCOREBOARD_H

#include "lib/ipc/census.h"

enum {
	SCOREBOARD_SLOTS = 256,
	SCOREBOARD_TALLY = 8 * 1024 * 1024, /* octets; pages that nobody touches cost nothing */
};

struct scoreboard_slot {
	/* A cache line each: slots are written by different processors all the time. */
	_Alignas(64) uint64_t sid; /* session in hand, 0: none so far */
	uint64_t id;  /* message in hand, 0: none */
	struct ip client;
	/* Filled in by the signal handler. */
	int32_t signo, si_code;
	int32_t own_fault; /* raised by the kernel or by the process itself, not by kill(2) */
	uint64_t address;  /* program counter */
};

/* Master: a memfd with SCOREBOARD_SLOTS slots and the census of sessions, mapped; NULL:
 * see errno. */
struct scoreboard_slot *scoreboard_new(int *fd);
/* Child: maps the memfd and makes slot `index` its own. NULL: see errno. */
struct scoreboard_slot *scoreboard_map(int fd, unsigned index);
/* The census behind the slots; NULL before scoreboard_new or scoreboard_map. */
struct census *scoreboard_census(void);
/* Behind it: what the roles count together (lib/policy/tally.h), zeroed when the service
 * starts. */
void *scoreboard_tally(void);
/* Notes what is in hand on the process's own slot; no-ops before scoreboard_map. */
void scoreboard_session(uint64_t sid, struct ip client);
void scoreboard_message(uint64_t id);
/* Handlers for SEGV BUS ILL FPE ABRT SYS TRAP on an own stack: note and die by the
 * same signal. */
void scoreboard_catch_signals(void);

#endif
