/* SPDX-License-Identifier: Apache-2.0 */
/* What a child is given before it serves: messages that wait until the role can take
 * them, and the configuration that travels as a memfd. */
#ifndef IMS_SERVICES_SETUP_H
#define IMS_SERVICES_SETUP_H

#include "lib/base/list.h"
#include "lib/conf/conf.h"
#include "lib/event/event.h"
#include "lib/ipc/message.h"

enum { SETUP_WAITING_MAX = 8192 }; /* messages: every listener, every peer, and more */

/* Places of the environment and descriptors that master and child agree on. */
#define SETUP_ENV_ROLE  "IMS_ROLE"
#define SETUP_ENV_INDEX "IMS_INDEX"
#define SETUP_ENV_SLOT  "IMS_SLOT"
enum { SETUP_FD_MASTER = 3, SETUP_FD_SCOREBOARD = 4 };

struct setup_message {
	struct link link;
	enum msg_type type;
	int fd; /* or -1 */
	size_t len;
	char payload[];
};

struct setup_queue {
	struct link list;
	size_t count;
};

void setup_queue_init(struct setup_queue *q);
/* Copies the payload and takes over `fd`; false, and fd closed, when full. */
bool setup_queue_put(struct setup_queue *q, enum msg_type type, struct str payload,
		     int fd);
/* The oldest, now the caller's to free; its fd too. NULL: empty. */
struct setup_message *setup_queue_take(struct setup_queue *q);

/* Reads a bundle from a memfd, which it closes, and parses it; of files of lines only what
 * `lists` says (enum conf_lists). NULL: `why` says. */
struct conf *setup_conf_read(int fd, unsigned lists, struct buf *why);
/* The bundle as a sealed memfd, or -errno. */
int setup_conf_write(const struct conf_bundle *bundle);

#endif
