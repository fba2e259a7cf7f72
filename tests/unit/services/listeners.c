/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of listening sockets, made from configurations that follow one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "free_port.h"
#include "lib/os/socket.h"
#include "services/master/master.h"

static uint16_t ports[3];
static unsigned opened, failed;
static int last_error;

static void told(void *arg, struct str name, const struct conf_address *a, int error)
{
	(void)arg;
	(void)name;
	assert_true(a->port != 0);
	if (error) failed++;
	else opened++;
	last_error = error;
}

/* "a1 b23": block a with the first port, block b with the second and the third. */
static struct conf *conf_for(const char *text)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	struct buf b;
	buf_init(&b, 4096);
	buf_str(&b, STR("hostname mail.example.com\n"));
	struct str rest = str_of(text);
	for (struct str word; (word = str_word(&rest)).len;) {
		buf_fmt(&b, "listener %c { address", word.at[0]);
		for (size_t i = 1; i < word.len; i++)
			buf_fmt(&b, " 127.0.0.1:%u", (unsigned)ports[word.at[i] - '1']);
		buf_str(&b, STR(" }\n"));
	}
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(
		conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), buf_view(&b)));
	struct conf *conf = conf_parse(&bundle, &errors);
	assert_non_null(conf);
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	buf_free(&b);
	return conf;
}

static const struct {
	const char *before, *after;
	unsigned opened;   /* new sockets */
	const char *stays; /* blocks that need not be told to the workers again */
} rows[] = {
	{ "a1", "a1", 0, "a" },      { "a1", "a1 b2", 1, "a" },
	{ "a1 b2", "b2", 0, "b" },   { "a1", "a2", 1, "" },
	{ "a12", "a21", 0, "" }, /* another order: told again, sockets kept */
	{ "a1", "b1", 0, "" },   /* another name: the same */
	{ "a12", "a1 b2", 0, "" },   { "a1 b23", "a1 b2", 0, "a" },
	{ "a1 b2", "a2 b1", 0, "" },
};

static void test_diff(void **state)
{
	(void)state;
	struct listener_set *old = calloc(1, sizeof *old), *new = calloc(1, sizeof *new);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct conf *before = conf_for(rows[i].before),
			    *after = conf_for(rows[i].after);
		assert_int_equal(listeners_open(old, NULL, before, told, NULL), 0);
		for (size_t k = 0; k < old->count; k++) old->list[k].sent = true;
		opened = 0;
		assert_int_equal(listeners_open(new, old, after, told, NULL), 0);
		assert_int_equal(opened, rows[i].opened);
		for (size_t k = 0; k < new->count; k++) {
			assert_int_equal(new->list[k].sent,
					 str_find(str_of(rows[i].stays),
						  new->list[k].name[0]) >= 0);
			for (size_t n = 0; n < new->list[k].count; n++) {
				struct ip ip;
				uint16_t port;
				assert_true(socket_local(new->list[k].addresses[n].fd,
							 &ip, &port));
				assert_int_equal(
					port, after->listeners[k].addresses.at[n].port);
			}
		}
		/* Nothing of the old set is left open. */
		for (size_t k = 0; k < old->count; k++)
			for (size_t n = 0; n < old->list[k].count; n++)
				assert_int_equal(old->list[k].addresses[n].fd, -1);
		listeners_close(new);
		conf_free(before);
		conf_free(after);
	}
	free(old);
	free(new);
}

static void test_taken(void **state)
{
	(void)state;
	struct listener_set *set = calloc(1, sizeof *set);
	int other = socket_listen(ip_of_v4(0x7f000001), ports[0]);
	assert_true(other >= 0);
	struct conf *conf = conf_for("a1 b2");
	opened = failed = 0;
	assert_int_equal(listeners_open(set, NULL, conf, told, NULL), 1);
	assert_int_equal(failed, 1);
	assert_int_equal(opened, 1); /* the rest goes on */
	assert_int_equal(set->list[0].addresses[0].fd, -1);
	listeners_close(set);
	close(other);
	conf_free(conf);
	free(set);
}

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) ports[i] = free_port();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_taken),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
