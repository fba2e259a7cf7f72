/* SPDX-License-Identifier: Apache-2.0 */
#include "services/console/console.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/os/stream.h"

void client_free(struct console_client *client)
{
	struct console *c = client->console;
	if (client->query) (void)map_take(&c->queries, client->query);
	link_remove(&client->link);
	loop_io_free(client->io);
	(void)close(client->fd);
	buf_free(&client->in);
	buf_free(&client->out);
	free(client->roles);
	free(client->certificates);
	free(client->destination);
	buf_free(&client->counts);
	free(client);
	c->client_count--;
}

static void client_flush(struct console_client *client)
{
	while (client->out.len > 0) {
		ssize_t sent = stream_send(client->fd, buf_view(&client->out));
		if (sent == -EAGAIN) {
			loop_io_want(client->io, LOOP_WRITE);
			return;
		}
		if (sent < 0) {
			client_free(client);
			return;
		}
		buf_consume(&client->out, (size_t)sent);
	}
	if (client->finished) client_free(client);
}

void client_finish(struct console_client *client, unsigned status, uint64_t count,
                   struct str text)
{
	struct json json = { .out = &client->out };
	json_begin_object(&json);
	json_key(&json, STR("done"));
	json_bool(&json, true);
	json_i64_at(&json, STR("status"), status);
	json_i64_at(&json, STR("count"), (int64_t)count);
	json_str_at(&json, STR("text"), text);
	json_end_object(&json);
	buf_byte(&client->out, '\n');
	client->finished = true;
	client_flush(client);
}

static void client_read(struct console_client *client)
{
	char *room = buf_room(&client->in, 4096);
	ssize_t got = room ? stream_recv(client->fd, room, 4096) : 0;
	if (got == -EAGAIN) return;
	if (got <= 0) {
		client_free(client);
		return;
	}
	buf_added(&client->in, (size_t)got);
	struct str rest = buf_view(&client->in);
	if (str_find(rest, '\n') < 0) return;
	struct str line = str_cut(&rest, '\n');
	loop_io_want(client->io, 0); /* one request a connection */
	request_run(client, line);
}

static void client_ready(void *arg, int fd, unsigned ready)
{
	struct console_client *client = arg;
	(void)fd;
	if (ready & LOOP_WRITE) client_flush(client);
	else client_read(client);
}

void client_accept(struct console *c, int fd, unsigned uid)
{
	struct console_client *client = c->client_count < CONSOLE_CLIENTS_MAX
		? calloc(1, sizeof *client) : NULL;
	if (!client) {
		stream_send_and_close(fd, STR("{\"done\":true,\"status\":75,\"count\":0,"
		                              "\"text\":\"too many requests at once\"}\n"));
		return;
	}
	client->console = c;
	client->fd = fd;
	client->uid = uid;
	client->began_ms = loop_now_ms(c->frame->loop);
	buf_init(&client->in, CONSOLE_REQUEST_MAX);
	buf_init(&client->out, CONSOLE_REPLY_MAX);
	buf_init(&client->counts, CONSOLE_REPLY_MAX / 2);
	list_add_tail(&c->clients, &client->link);
	c->client_count++;
	client->io = loop_io_new(c->frame->loop, fd, LOOP_READ, client_ready, client);
	if (!client->io) client_free(client);
}

void client_sweep(void *arg)
{
	struct console *c = arg;
	int64_t now_ms = loop_now_ms(c->frame->loop);
	LIST_EACH(it, &c->clients) {
		struct console_client *client = CONTAINER(it, struct console_client, link);
		if (now_ms - client->began_ms < CONSOLE_PATIENCE_MS) break;
		if (client->finished) client_free(client);
		else client_finish(client, EX_TEMPFAIL, 0, STR("no answer in time"));
	}
	loop_timer_set(c->sweep, 1000);
}
