/* SPDX-License-Identifier: Apache-2.0 */
/* The role with a real DNS server beside it, which answers from zone.json, and badly
 * where that says so (tests/e2e/dnsserver.py). */
#ifndef IMS_TESTS_SERVICES_DNS_TEST_H
#define IMS_TESTS_SERVICES_DNS_TEST_H

#include "../role_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/os/clock.h"
#include "services/dns/questions.h"

enum { ANSWERS_MAX = 8192, TEXT_MAX = 4096 };

static const char *server_path, *zone_path;
static uint8_t dane_asked; /* of the questions that follow */

struct dns_test {
	struct role_test role; /* first */
	pid_t server;
	FILE *say, *hear;
	unsigned port;
};

/* The last answer, its hosts as "PREFERENCE NAME ADDRESS ADDRESS;", and all the queries
 * that were answered. */
static struct {
	struct msg_resolved m;
	char dsn[16], text[512], hosts[TEXT_MAX];
	size_t host_count;
	unsigned later;
	uint8_t seen[ANSWERS_MAX];
} last;

/* -- The server ---------------------------------------------------------------------- */

static void server_start(struct dns_test *t)
{
	int in[2], out[2];
	char line[64];
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	t->server = fork();
	assert_true(t->server >= 0);
	if (t->server == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl("/usr/bin/python3", "python3", server_path, "--zone",
			    zone_path, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	t->say = fdopen(in[1], "w");
	t->hear = fdopen(out[0], "r");
	assert_non_null(fgets(line, sizeof line, t->hear));
	t->port = (unsigned)strtoul(line, NULL, 10);
	assert_in_range(t->port, 1, 65535);
}

static void server_stop(struct dns_test *t)
{
	int status = 0;
	(void)fclose(t->say);
	assert_int_equal(waitpid(t->server, &status, 0), t->server);
	assert_int_equal(status, 0);
	(void)fclose(t->hear);
}

static inline unsigned server_asked(struct dns_test *t, const char *name,
				    const char *type)
{
	char line[64];
	(void)fprintf(t->say, "asked %s %s\n", name, type);
	(void)fflush(t->say);
	assert_non_null(fgets(line, sizeof line, t->hear));
	return (unsigned)strtoul(line, NULL, 10);
}

/* -- The role ------------------------------------------------------------------------ */

static void hosts_write(const struct mx_list *list)
{
	struct buf b;
	buf_init_fixed(&b, last.hosts, sizeof last.hosts - 1);
	for (size_t i = 0; i < list->count; i++) {
		const struct mx_next *next = &list->hosts[i];
		buf_fmt(&b, "%u %.*s", next->preference, STR_ARG(next->name));
		for (size_t k = 0; k < next->count; k++) {
			buf_byte(&b, ' ');
			ip_write(&b, next->ips[k]);
		}
		buf_byte(&b, ';');
	}
	assert_false(b.overflowed);
	last.hosts[b.len] = '\0';
	last.host_count = list->count;
}

static void on_resolved(struct role_test *t, enum msg_type type, struct str payload)
{
	static struct mx_list list;
	(void)t;
	assert_int_equal(type, MSG_resolved);
	assert_true(msg_resolved_get(payload, &last.m));
	assert_true(str_to_cstr(last.m.dsn, last.dsn, sizeof last.dsn));
	assert_true(str_to_cstr(last.m.text, last.text, sizeof last.text));
	assert_int_equal(mx_list_get(last.m.hosts, &list), last.m.result == MX_HOSTS);
	hosts_write(&list);
	last.later += last.m.result == MX_LATER;
	assert_true(last.m.query < ANSWERS_MAX);
	last.seen[last.m.query]++;
	last.m.dsn = last.m.text = last.m.hosts = STR("");
}

static inline void conf_text(const struct dns_test *t, const char *more, char *out,
			     size_t size)
{
	(void)snprintf(out, size,
		       "hostname mx.us.example\n"
		       "listener in { address 127.0.0.1:25 }\n"
		       "resolver { server 127.0.0.1:%u; timeout 1s; %s }\n",
		       t->port, more);
}

static int setup(void **state)
{
	static struct dns_test t;
	char conf[512];
	memset(&last, 0, sizeof last);
	role_test_folder(&t.role);
	server_start(&t);
	t.role.answer = on_resolved;
	conf_text(&t, "", conf, sizeof conf);
	role_test_start(&t.role, &dns_role, ROLE_DELIVER, conf);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct dns_test *t = *state;
	role_test_end(&t->role);
	free(t->role.frame.role);
	server_stop(t);
	return 0;
}

/* A fresh role in the place of the one that setup started. */
static inline void open_again(struct dns_test *t, const char *conf)
{
	struct frame *f = &t->role.frame;
	dns_role.drain(f, false);
	free(f->role);
	conf_free(f->conf);
	f->conf = role_test_conf(conf);
	assert_int_equal(dns_role.open(f), 0);
}

static inline void send_query(struct dns_test *t, uint64_t query, const char *name,
			      bool mx, uint16_t port)
{
	channel_send_resolve(t->role.far, &(struct msg_resolve){ .query = query,
								 .mx = mx,
								 .dane = dane_asked,
								 .port = port,
								 .name = str_of(name) });
}

static inline void ask(struct dns_test *t, const char *name, bool mx, uint16_t port)
{
	static uint64_t query = 100;
	send_query(t, ++query, name, mx, port);
	role_test_run(&t->role, 1);
	assert_int_equal(last.m.query, query);
}

#endif
