/* SPDX-License-Identifier: Apache-2.0 */
/* Lines: connections that are open already, of hosts that have turned them (ATRN, RFC 2645). receive
 * carries the octets to the host, through its TLS. Each has mail of one destination, and when
 * it is gone nothing can stand for it: what is left goes back to spool. */
#include <stdlib.h>
#include <unistd.h>

#include "deliver/deliver.h"

struct line {
	struct link link;
	char key[DELIVER_NAME_MAX];
	char tls[DELIVER_TLS_MAX];
	int fd;
};

static struct line *line_of(const struct deliver *d, struct str key)
{
	LIST_EACH(it, &d->lines) {
		struct line *l = CONTAINER(it, struct line, link);
		if (str_eq(str_of(l->key), key)) return l;
	}
	return NULL;
}

void turned_tell_gone(struct deliver *d, struct str key)
{
	if (d->spool) channel_send_line_gone(d->spool, &(struct msg_line_gone){ .key = key });
}

static void line_free(struct deliver *d, struct line *l)
{
	link_remove(&l->link);
	if (l->fd >= 0) (void)close(l->fd);
	d->line_count--;
	free(l);
}

void turned_take(struct deliver *d, const struct msg_line *m, int fd)
{
	struct line *l = d->line_count < DELIVER_LINES_MAX && !d->draining ? calloc(1, sizeof *l) : NULL;
	if (!l || !str_to_cstr(m->key, l->key, sizeof l->key)) {
		free(l);
		(void)close(fd);
		turned_tell_gone(d, m->key);
		return;
	}
	(void)str_to_cstr(m->tls, l->tls, sizeof l->tls);
	l->fd = fd;
	d->line_count++;
	list_add_tail(&d->lines, &l->link);
}

bool turned_is_there(const struct deliver *d, struct str key) { return line_of(d, key) != NULL; }

int turned_connect(struct connection *c)
{
	struct line *l = line_of(c->d, c->job->key);
	if (!l) return -1;
	int fd = l->fd;
	l->fd = -1;
	(void)str_to_cstr(str_of(l->tls), c->targets[c->target].tls, DELIVER_TLS_MAX);
	c->turned = true;
	line_free(c->d, l);
	return fd;
}

/* The connection that it has become; NULL: none. */
static struct connection *connection_of(const struct deliver *d, struct str key)
{
	LIST_EACH(it, &d->connections) {
		struct connection *c = CONTAINER(it, struct connection, all);
		if (c->turned && str_eq((struct str){ c->dest->key, c->dest->key_len }, key)) return c;
	}
	return NULL;
}

void turned_end(struct deliver *d, struct str key)
{
	struct line *l = line_of(d, key);
	struct connection *c = connection_of(d, key);
	if (l) {
		line_free(d, l);
		turned_tell_gone(d, key);
	}
	if (c && c->state == CONNECTION_IDLE) connection_quit(c);
	else if (c) c->last = true;
}

void turned_drop_all(struct deliver *d)
{
	while (!list_empty(&d->lines)) {
		struct line *l = CONTAINER(d->lines.next, struct line, link);
		turned_tell_gone(d, str_of(l->key));
		line_free(d, l);
	}
}
