/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to one of Dovecot's sockets: made when it is needed, greeted, asked one
 * question at a time, and given up when an answer does not come in time or makes no
 * sense; so an answer is never taken for that of another question. */
#ifndef IMS_DIRECTORY_DOVECOT_STREAM_H
#define IMS_DIRECTORY_DOVECOT_STREAM_H

#include "lib/base/ip.h"
#include "services/directory/dovecot_line.h"

enum dovecot_dialect {
	DOVECOT_CLIENT, /* the socket auth-client: AUTH */
	DOVECOT_MASTER, /* the socket auth-userdb: USER */
};

struct dovecot_stream {
	enum dovecot_dialect dialect;
	const char *place; /* borrowed: /PATH, ADDRESS:PORT or [ADDRESS]:PORT */
	int fd;            /* -1: none */
	uint64_t id;       /* of the last question */
	struct buf in;     /* what came and is not read */
	size_t line;       /* of it: octets of the last line and its line feed */
};

void dovecot_stream_init(struct dovecot_stream *s, enum dovecot_dialect dialect,
			 const char *place);
void dovecot_stream_close(struct dovecot_stream *s);
/* Connects and exchanges greetings if that is not done. False: `why` says. */
bool dovecot_stream_ready(struct dovecot_stream *s, int64_t deadline_ms, struct buf *why);
/* Sends `request`, which asks question s->id, and waits for the line that answers. False:
 * the stream is closed, `why` says. */
bool dovecot_stream_ask(struct dovecot_stream *s, struct str request, int64_t deadline_ms,
			struct dovecot_line *answer, struct buf *why);
/* Whether `place` is one; ip is none for a path. */
bool dovecot_place_parse(struct str place, struct ip *ip, uint16_t *port);

#endif
