/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets belong to master: the death of a worker closes none, all receive
 * workers share them, and a new configuration keeps those whose address stays. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/os/socket.h"
#include "services/master/master.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MS = 10 * 1000 };

static bool same_address(const struct conf_address *a, const struct conf_address *b)
{
	return ip_eq(a->ip, b->ip) && a->port == b->port;
}

/* The socket of that address taken out of `old`, or -1. */
static int socket_take(struct listener_set *old, const struct conf_address *a)
{
	for (size_t i = 0; old && i < old->count; i++) {
		for (size_t k = 0; k < old->list[i].count; k++) {
			struct listener_address *have = &old->list[i].addresses[k];
			if (have->fd < 0 || !same_address(&have->address, a)) continue;
			int fd = have->fd;
			have->fd = -1;
			return fd;
		}
	}
	return -1;
}

/* The block as it was, if nothing about its sockets changes. */
static const struct listener *same_block(const struct listener_set *old,
					 const struct listener *l, struct str name)
{
	for (size_t i = 0; old && i < old->count; i++) {
		const struct listener *o = &old->list[i];
		if (!str_eq(str_of(o->name), name) || o->count != l->count) continue;
		size_t k = 0;
		while (k < l->count &&
		       same_address(&o->addresses[k].address, &l->addresses[k].address) &&
		       o->addresses[k].fd >= 0)
			k++;
		return k == l->count ? o : NULL;
	}
	return NULL;
}

size_t listeners_open(struct listener_set *set, struct listener_set *old,
		      const struct conf *conf, listener_told_fn *told, void *arg)
{
	size_t failed = 0;
	set->count = 0;
	for (size_t i = 0; i < conf->listener_count && set->count < MASTER_LISTENERS_MAX;
	     i++) {
		const struct conf_listener *c = &conf->listeners[i];
		struct listener *l = &set->list[set->count];
		*l = (struct listener){ .count = c->addresses.count };
		if (l->count > MASTER_ADDRESSES_MAX) l->count = MASTER_ADDRESSES_MAX;
		if (!str_to_cstr(c->name, l->name, sizeof l->name)) continue;
		for (size_t k = 0; k < l->count; k++)
			l->addresses[k] =
				(struct listener_address){ c->addresses.at[k], -1 };
		const struct listener *before = same_block(old, l, c->name);
		l->sent = before && before->sent;
		for (size_t k = 0; k < l->count; k++)
			l->addresses[k].fd = socket_take(old, &l->addresses[k].address);
		set->count++;
	}
	/* Only now the new ones, and only after what is not needed any more is closed: an
	 * address may have become part of a wider one. */
	if (old) listeners_close(old);
	for (size_t i = 0; i < set->count; i++) {
		for (size_t k = 0; k < set->list[i].count; k++) {
			struct listener_address *a = &set->list[i].addresses[k];
			if (a->fd >= 0) continue;
			int fd = socket_listen(a->address.ip, a->address.port);
			if (fd < 0) failed++;
			a->fd = fd < 0 ? -1 : fd;
			told(arg, str_of(set->list[i].name), &a->address,
			     fd < 0 ? fd : 0);
		}
	}
	return failed;
}

void listeners_close(struct listener_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		for (size_t k = 0; k < set->list[i].count; k++) {
			int *fd = &set->list[i].addresses[k].fd;
			if (*fd >= 0) (void)close(*fd);
			*fd = -1;
		}
	}
}

static void told_event(void *arg, struct str name, const struct conf_address *a,
		       int error)
{
	struct master *m = arg;
	char text[64];
	struct buf host;
	buf_init_fixed(&host, text, sizeof text);
	if (!ip_is_v4(a->ip)) buf_byte(&host, '[');
	ip_write(&host, a->ip);
	buf_fmt(&host, "%s:%u", ip_is_v4(a->ip) ? "" : "]", (unsigned)a->port);
	event_begin(&m->log, error ? EVENT_bind_fail : EVENT_listen, 0, 0);
	event_str(&m->log, FIELD_listener, name);
	event_str(&m->log, FIELD_host, buf_view(&host));
	if (error) event_str(&m->log, FIELD_error, str_of(strerror(-error)));
	event_end(&m->log);
}

size_t listeners_first(struct master *m)
{
	return listeners_open(m->listeners, NULL, m->conf, told_event, m);
}

static void listener_send(const struct listener *l, struct channel *receive)
{
	for (size_t k = 0; k < l->count; k++) {
		struct msg_listener msg = { str_of(l->name), (uint16_t)k };
		if (l->addresses[k].fd >= 0)
			channel_send_listener_fd(receive, &msg, l->addresses[k].fd);
	}
}

void listeners_send(struct master *m, struct channel *receive)
{
	for (size_t i = 0; i < m->listeners->count; i++) {
		listener_send(&m->listeners->list[i], receive);
		m->listeners->list[i].sent = true;
	}
}

/* In `set` and unchanged since it was sent? */
static bool stays(const struct listener_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_eq(str_of(set->list[i].name), str_of(name)))
			return set->list[i].sent;
	return false;
}

void listeners_reload(struct master *m)
{
	struct listener_set *old = m->listeners;
	struct listener_set *set = calloc(1, sizeof *set);
	if (!set) return;
	size_t failed = listeners_open(set, old, m->conf, told_event, m);
	m->listeners = set;
	for (size_t c = 0; c < m->child_count; c++) {
		struct child *child = &m->children[c];
		if (child->role != ROLE_RECEIVE || !child->ch) continue;
		for (size_t i = 0; i < old->count; i++)
			if (!stays(set, old->list[i].name))
				channel_send_listener_end(
					child->ch, &(struct msg_listener_end){
							   str_of(old->list[i].name) });
		for (size_t i = 0; i < set->count; i++)
			if (!set->list[i].sent) listener_send(&set->list[i], child->ch);
	}
	for (size_t i = 0; i < set->count; i++) set->list[i].sent = true;
	free(old);
	if (failed) loop_timer_set(m->listen_timer, RETRY_FIRST_MS);
}

static bool address_retry(struct master *m, struct listener *l, size_t k)
{
	const struct conf_address *a = &l->addresses[k].address;
	int fd = socket_listen(a->ip, a->port);
	if (fd < 0) return false;
	told_event(m, str_of(l->name), a, 0);
	for (size_t c = 0; c < m->child_count; c++) {
		struct child *child = &m->children[c];
		if (child->role != ROLE_RECEIVE || !child->ch) continue;
		struct msg_listener msg = { str_of(l->name), (uint16_t)k };
		channel_send_listener_fd(child->ch, &msg, fd);
	}
	l->addresses[k].fd = fd;
	return true;
}

/* What could not be opened may be free later: workers close sockets that a new
 * configuration ended a moment after us. */
void listeners_retry(void *arg)
{
	struct master *m = arg;
	bool missing = false;
	for (size_t i = 0; i < m->listeners->count; i++) {
		struct listener *l = &m->listeners->list[i];
		for (size_t k = 0; k < l->count; k++)
			if (l->addresses[k].fd < 0 && !address_retry(m, l, k))
				missing = true;
	}
	if (missing) loop_timer_set(m->listen_timer, RETRY_MS);
}
