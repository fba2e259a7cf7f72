/* SPDX-License-Identifier: Apache-2.0 */
/* A small imsd for tests: the real master and frame with small roles, in a folder of its
 * own, on a port of its own. */
#ifndef IMS_TEST_SERVICES_FAMILY_H
#define IMS_TEST_SERVICES_FAMILY_H

#include "services/frame.h"

/* What the roles of family_roles.c do:
 *   receive  says "hello\n" to each client and takes one word a connection:
 *            mail (asks spool to keep something, says "250\n"), segv, abort, exit,
 * forbidden, fail (leaves because of a fault), sever (breaks its channels); a shunned client hears "shunned\n" instead spool    keeps nothing, but says
 * so; logs the deaths that it is told journal  appends lines to STATE/events console asks
 * master for its processes when a word comes to RUNTIME/ask, or to reload hostname
 * `fail.open`: spool cannot open; `slow.leave`: receive leaves only when forced. */
extern const struct role_ops *const family_roles[ROLE_COUNT];

struct world {
	char folder[64];
	uint16_t port, other_port;
	pid_t pid;    /* of the service, 0: none */
	unsigned uid; /* runs as that user; 0: as we are */
};

void world_make(struct world *w, unsigned uid);
void world_destroy(struct world *w);
/* Writes the configuration: hostname, and which of the two ports listen. */
void world_configure(const struct world *w, const char *hostname, bool first,
		     bool second);
void world_write_conf(const struct world *w, const char *text);
void world_start(struct world *w); /* and waits until it serves */
void world_spawn(struct world *w); /* does not wait */
int world_wait(struct world *w);   /* exit status, or 256 + signal */
/* Waits until the log has `count` lines with both needles; fails the test after 20 s. */
void world_expect(const struct world *w, const char *needle, const char *also,
		  unsigned count);
unsigned world_count(const struct world *w, const char *needle, const char *also);
/* The process id at the last line "process_start" of that process. */
pid_t world_pid_of(const struct world *w, const char *process);

/* Says a word to the service and hears the answer until the end; "" if nobody listens. */
const char *client_say(uint16_t port, const char *word);
/* Says it until that is the answer; fails the test after 20 s. */
void client_hears(uint16_t port, const char *word, const char *answer);
const char *console_say(const struct world *w, const char *word);

#endif
