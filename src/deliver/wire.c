/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "deliver/connection.h"
#include "lib/os/stream.h"

ssize_t wire_send(struct connection *c, struct str bytes)
{
	return c->tls ? tls_send(c->tls, bytes) : stream_send(c->fd, bytes);
}

ssize_t wire_recv(struct connection *c)
{
	char *into = c->d->read_buffer;
	return c->tls ? tls_recv(c->tls, into, DELIVER_READ)
		      : stream_recv(c->fd, into, DELIVER_READ);
}

struct str wire_reason(const struct connection *c, int error)
{
	return c->tls && error == EPROTO ? str_of(tls_fault(c->tls)) : reason_of(error);
}

bool wire_recv_writes(const struct connection *c)
{
	return c->tls && tls_recv_writes(c->tls);
}

void wire_quit(struct connection *c)
{
	bool speaks = c->fd >= 0 && c->out.len == 0 && c->state != CONNECTION_SECURING;
	if (speaks) (void)wire_send(c, STR("QUIT\r\n"));
}
