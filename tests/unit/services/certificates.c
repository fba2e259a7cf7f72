/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of master: files that change, break and end, with a clock and a receive
 * worker that the test plays. */
#include "pem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cur.h"
#include "lib/os/memfile.h"
#include "lib/os/tls.h"
#include "services/master/master.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static struct master master;
static int64_t wall_ms;
static size_t events[EVENT_COUNT];
static char last_record[EVENT_RECORD_MAX + 1];
static unsigned sent, timers;
static char sent_name[128], sent_pairs[64 * 1024];
static unsigned sent_profile;
static unsigned sent_clients;
static char folder[] = "/tmp/ims-certificates-XXXXXX";

int64_t loop_wall_ms(const struct loop *l)
{
	(void)l;
	return wall_ms;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	(void)t;
	assert_int_equal(delay_ms, 60 * 1000);
	timers++;
}

static unsigned told_rows, told_routes;

void channel_send_certificate_row(struct channel *ch, const struct msg_certificate_row *m)
{
	assert_ptr_equal(ch, &master);
	assert_int_equal(m->query, 7);
	assert_true((m->listener.len > 0) != (m->route.len > 0));
	assert_true(m->name.len > 0 && m->until_s > 0);
	told_rows += m->listener.len > 0;
	told_routes += str_eq(m->route, STR("r")) && str_eq(m->name, STR("two.example"));
}

void channel_send_certificates_fd(struct channel *ch, const struct msg_certificates *m, int fd)
{
	struct str pairs;
	assert_ptr_equal(ch, &master);
	assert_true(memfile_map(fd, TLS_PAIRS_MAX, &pairs));
	assert_true(str_to_cstr(m->name, sent_name, sizeof sent_name));
	memset(sent_pairs, 0, sizeof sent_pairs);
	memcpy(sent_pairs, pairs.at, pairs.len);
	memfile_unmap(pairs);
	sent_profile = m->profile;
	sent_clients = m->clients;
	sent++;
}

static unsigned files_sent, files_profile;
static char files_name[128], files_text[TLS_TRUST_MAX];

void channel_send_route_files_fd(struct channel *ch, const struct msg_route_files *m, int fd)
{
	struct str files;
	assert_ptr_equal(ch, &files_sent);
	assert_true(memfile_map(fd, TLS_PAIRS_MAX, &files));
	assert_true(files.len < sizeof files_text);
	assert_true(str_to_cstr(m->name, files_name, sizeof files_name));
	memset(files_text, 0, sizeof files_text);
	memcpy(files_text, files.at, files.len);
	memfile_unmap(files);
	files_profile = m->profile;
	files_sent++;
}

static unsigned states_sent;
static char state_why[1024];

void channel_send_route_state(struct channel *ch, const struct msg_route_state *m)
{
	assert_ptr_equal(ch, &states_sent);
	assert_true(str_eq(m->name, STR("r")));
	assert_true(str_to_cstr(m->why, state_why, sizeof state_why));
	states_sent++;
}

static void note(void *arg, struct str record)
{
	struct cur cur = cur_of(record);
	(void)arg;
	events[cur_u16(&cur)]++;
	memcpy(last_record, record.at, record.len);
	last_record[record.len] = '\0';
}

static int64_t wall(void *arg)
{
	(void)arg;
	return wall_ms;
}

/* Whether the last event has that text in one of its fields. */
static bool last_says(const char *text)
{
	return memmem(last_record, sizeof last_record, text, strlen(text)) != NULL;
}

static void write_file(const char *name, const char *text)
{
	static int64_t stamp_s = 1000000;
	char path[256];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	/* Another time each time, however fast the test is. */
	struct timespec times[2] = { { stamp_s, 0 }, { stamp_s, 0 } };
	stamp_s++;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_pem(const char *stem, const struct pem *pem)
{
	char name[64];
	(void)snprintf(name, sizeof name, "%s.pem", stem);
	write_file(name, pem->cert);
	(void)snprintf(name, sizeof name, "%s.key", stem);
	write_file(name, pem->key);
}

/* `words` of listener "in"; @ stands for the folder. */
static struct conf *conf_for(const char *words)
{
	struct conf_bundle bundle;
	struct conf_errors errors;
	struct buf text;
	buf_init(&text, 4096);
	buf_str(&text, STR("hostname mx.us.example\nlistener in { address 0.0.0.0:25; "));
	for (const char *c = words; *c; c++) {
		if (*c == '@') buf_str(&text, str_of(folder));
		else buf_byte(&text, *c);
	}
	buf_str(&text, STR(" }\nlistener clear { address 0.0.0.0:26 }\n"));
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("t.conf"), buf_view(&text)));
	struct conf *conf = conf_parse(&bundle, &errors);
	assert_non_null(conf);
	conf_bundle_free(&bundle);
	conf_errors_free(&errors);
	buf_free(&text);
	return conf;
}

static void reload(const char *words)
{
	conf_free(master.conf);
	master.conf = conf_for(words);
	certificates_load(&master);
}

static int set_up(void **state)
{
	(void)state;
	memset(events, 0, sizeof events);
	sent = timers = 0;
	wall_ms = (int64_t)time(NULL) * 1000;
	event_log_init(&master.log, "master", note, wall, NULL);
	/* A worker with a channel, one without, and somebody else. */
	master.child_count = 5;
	states_sent = 0;
	files_sent = 0;
	master.children[3] = (struct child){ .role = ROLE_DELIVER, .ch = (void *)&files_sent };
	master.children[4] = (struct child){ .role = ROLE_DELIVER };
	master.children[0] = (struct child){ .role = ROLE_RECEIVE, .ch = (void *)&master };
	master.children[1] = (struct child){ .role = ROLE_RECEIVE };
	master.children[2] = (struct child){ .role = ROLE_SPOOL, .ch = (void *)&states_sent };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	certificates_free(&master);
	conf_free(master.conf);
	master.conf = NULL;
	event_log_free(&master.log);
	return 0;
}

static void new_ones_are_sent(void **state)
{
	(void)state;
	struct pem one, two;
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	pem_make(&two, "DNS:two.example", PEM_EC, 90);
	write_pem("a", &one);
	write_pem("b", &two);
	static const char words[] = "tls offer; certificate @/a.pem; key @/a.key; "
				    "certificate @/b.pem; key @/b.key";
	reload(words);
	assert_int_equal(sent, 1);
	assert_string_equal(sent_name, "in");
	assert_int_equal(sent_profile, TLS_MODERN);
	assert_non_null(memmem(sent_pairs, sizeof sent_pairs, two.key, strlen(two.key)));
	assert_int_equal(events[EVENT_certificate], 2);
	assert_true(last_says("two.example") && last_says("/b.pem") && last_says("T"));
	/* a worker that is new gets them, too */
	certificates_send(&master, (void *)&master);
	told_rows = 0;
	certificates_tell(&master, (void *)&master, 7);
	assert_int_equal(told_rows, 2);
	assert_int_equal(sent, 2);
	/* the same again is no news, nor is a look at files that are as they were */
	reload(words);
	certificates_timer(&master);
	assert_int_equal(sent, 2);
	assert_int_equal(events[EVENT_certificate], 2);
	assert_int_equal(timers, 3);
	/* a changed file is seen by the timer */
	pem_make(&one, "DNS:new.example", PEM_EC, 90);
	write_pem("a", &one);
	certificates_timer(&master);
	assert_int_equal(sent, 3);
	assert_non_null(memmem(sent_pairs, sizeof sent_pairs, one.key, strlen(one.key)));
	assert_int_equal(events[EVENT_certificate], 4);
	/* written again as it was: looked at, and no news */
	write_pem("a", &one);
	certificates_timer(&master);
	assert_int_equal(sent, 3);
	/* another profile is */
	reload("tls require; tls-profile legacy; certificate @/a.pem; key @/a.key");
	assert_int_equal(sent, 4);
	assert_int_equal(sent_profile, TLS_LEGACY);
	/* without TLS there is nothing to hand out */
	reload("tls off");
	certificates_send(&master, (void *)&master);
	assert_int_equal(sent, 4);
	assert_int_equal(master.certificates_count, 0);
	assert_int_equal(events[EVENT_certificate_error], 0);
}

static void broken_ones_leave_the_old(void **state)
{
	(void)state;
	struct pem one, two;
	char path[256];
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	pem_make(&two, "DNS:two.example", PEM_EC, 90);
	static const char words[] = "tls offer; certificate @/a.pem; key @/a.key";
	/* nothing there at the start */
	(void)snprintf(path, sizeof path, "%s/a.key", folder);
	(void)unlink(path);
	write_file("a.pem", one.cert);
	reload(words);
	assert_int_equal(events[EVENT_certificate_error], 1);
	assert_true(last_says("/a.key") && last_says("No such file"));
	certificates_send(&master, (void *)&master);
	assert_int_equal(sent, 0);
	/* said once for each state of the files */
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_error], 1);
	write_file("a.key", one.key);
	certificates_timer(&master);
	assert_int_equal(sent, 1);
	/* the new certificate is there, its key not yet */
	write_file("a.pem", two.cert);
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_error], 2);
	assert_true(last_says("does not belong"));
	certificates_send(&master, (void *)&master);
	assert_int_equal(sent, 2);
	assert_non_null(memmem(sent_pairs, sizeof sent_pairs, one.key, strlen(one.key)));
	write_file("a.key", two.key);
	certificates_timer(&master);
	assert_int_equal(sent, 3);
	/* what is no file, and what is too long */
	reload("tls offer; certificate @; key @/a.key");
	assert_true(last_says("Invalid argument"));
	char *huge = malloc(TLS_PEM_MAX + 2);
	memset(huge, '\n', TLS_PEM_MAX + 1);
	huge[TLS_PEM_MAX + 1] = '\0';
	write_file("huge", huge);
	free(huge);
	reload("tls offer; certificate @/huge");
	assert_true(last_says("File too large"));
	assert_int_equal(events[EVENT_certificate_error], 4);
	assert_int_equal(sent, 3);
}

static void authorities_of_clients(void **state)
{
	(void)state;
	struct pem one, ca;
	char both[2 * sizeof one.cert];
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	pem_make(&ca, "DNS:ca.example", PEM_EC, 90);
	write_pem("a", &one);
	write_pem("ca", &ca);
	static const char words[] = "tls offer; certificate @/a.pem; key @/a.key; "
				    "client-certificate ask; client-ca @/ca.pem";
	reload(words);
	assert_int_equal(sent, 1);
	assert_int_equal(sent_clients, TLS_CLIENTS_ASK);
	assert_non_null(memmem(sent_pairs, sizeof sent_pairs, ca.cert, strlen(ca.cert)));
	certificates_timer(&master);
	assert_int_equal(sent, 1);
	/* a changed file is seen by the timer, and so is another word */
	(void)snprintf(both, sizeof both, "%s%s", one.cert, ca.cert);
	write_file("ca.pem", both);
	certificates_timer(&master);
	assert_int_equal(sent, 2);
	reload("tls offer; certificate @/a.pem; key @/a.key; client-certificate require; "
	       "client-ca @/ca.pem");
	assert_int_equal(sent, 3);
	assert_int_equal(sent_clients, TLS_CLIENTS_REQUIRE);
	/* what is not good leaves what there was */
	write_file("ca.pem", "junk");
	certificates_timer(&master);
	assert_true(last_says("/ca.pem") && last_says("no certificate of an authority"));
	reload("tls offer; certificate @/a.pem; key @/a.key; client-certificate ask; client-ca @/none");
	assert_true(last_says("/none") && last_says("No such file"));
	write_file("ca.pem", ca.cert);
	write_file("crl.pem", "junk");
	reload("tls offer; certificate @/a.pem; key @/a.key; client-certificate ask; "
	       "client-ca @/ca.pem; client-crl @/crl.pem");
	assert_true(last_says("/crl.pem") && last_says("no list of revoked"));
	reload("tls offer; certificate @/a.pem; key @/a.key; client-certificate ask; "
	       "client-ca @/ca.pem; client-crl @/gone.pem");
	assert_true(last_says("/gone.pem") && last_says("No such file"));
	assert_int_equal(sent, 3);
	assert_int_equal(events[EVENT_certificate_error], 4);
}

static void ends_are_told(void **state)
{
	(void)state;
	struct pem soon, fine, over;
	pem_make(&soon, "DNS:soon.example", PEM_EC, 15);
	pem_make(&fine, "DNS:fine.example", PEM_EC, 90);
	pem_make(&over, "DNS:over.example", PEM_EC, -1);
	write_pem("a", &soon);
	write_pem("b", &fine);
	reload("tls offer; certificate @/a.pem; key @/a.key; certificate @/b.pem; key @/b.key");
	assert_int_equal(events[EVENT_certificate_expiry], 0);
	wall_ms += 2LL * DAY_MS;
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_expiry], 1);
	assert_true(last_says("soon.example"));
	for (int hour = 0; hour < 48; hour++) {
		wall_ms += DAY_MS / 24;
		certificates_timer(&master);
	}
	assert_int_equal(events[EVENT_certificate_expiry], 3); /* daily */
	write_pem("a", &over);
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_expiry], 4);
	assert_true(last_says("over.example"));
}

static bool files_hold(const char *text)
{
	return memmem(files_text, sizeof files_text, text, strlen(text)) != NULL;
}

/* What a route needs goes to deliver, anew when it changes, and stays when that is bad. */
static void routes(void **state)
{
	(void)state;
	struct pem one, two;
	char path[256];
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	pem_make(&two, "DNS:two.example", PEM_EC, 3);
	write_pem("a", &one);
	write_pem("b", &two);
	static const char verify[] = "}\nroute r { via h.example; tls verify; ca @/a.pem";
	reload(verify);
	assert_int_equal(files_sent, 1);
	assert_string_equal(files_name, "r");
	assert_int_equal(files_profile, TLS_MODERN);
	assert_true(files_hold(one.cert) && !files_hold(one.key));
	assert_int_equal(events[EVENT_certificate], 0);
	route_files_send(&master, (void *)&files_sent);
	assert_int_equal(files_sent, 2);
	told_routes = told_rows = 0;
	certificates_tell(&master, (void *)&master, 7);
	assert_int_equal(told_routes + told_rows, 0); /* it shows none */
	reload(verify);
	certificates_timer(&master);
	assert_int_equal(files_sent, 2);
	/* another profile, a certificate of its own that ends soon */
	reload("}\nroute r { mx; tls verify; tls-profile strict; ca @/a.pem; certificate @/b.pem; key @/b.key");
	assert_int_equal(files_sent, 3);
	assert_int_equal(files_profile, TLS_STRICT);
	assert_true(files_hold(one.cert) && files_hold(two.cert) && files_hold(two.key));
	assert_int_equal(events[EVENT_certificate], 1);
	assert_int_equal(events[EVENT_certificate_expiry], 1);
	assert_true(last_says("two.example") && last_says("/b.pem"));
	certificates_tell(&master, (void *)&master, 7);
	assert_int_equal(told_routes, 1);
	assert_int_equal(told_rows, 0);
	/* what breaks leaves what there was */
	write_file("a.pem", "nothing");
	certificates_timer(&master);
	assert_int_equal(files_sent, 3);
	assert_int_equal(events[EVENT_certificate_error], 1);
	assert_true(last_says("/a.pem") && last_says("no certificate of who is trusted"));
	certificates_timer(&master); /* said once */
	assert_int_equal(events[EVENT_certificate_error], 1);
	write_pem("a", &two);
	certificates_timer(&master);
	assert_int_equal(files_sent, 4);
	(void)snprintf(path, sizeof path, "%s/b.key", folder);
	assert_int_equal(unlink(path), 0);
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_error], 2);
	assert_true(last_says("/b.key"));
	/* those that say nothing about files share what the system has */
	reload("}\nroute r { mx; tls require }\nroute s { via h.example }\nroute t { mx; tls dane");
	assert_int_equal(master.route_files_count, 1);
	assert_int_equal(files_sent, 5);
	assert_string_equal(files_name, "");
	assert_false(files_hold(one.cert) || files_hold(two.cert));
	/* nothing is needed: nothing is sent, and what there was is forgotten */
	reload("}\nroute q { mx; tls off; certificate @/a.pem");
	assert_int_equal(master.route_files_count, 0);
	assert_int_equal(files_sent, 5);
}

/* An exception whose last day has passed is told: at once, and then once a day. */
static void exceptions(void **state)
{
	(void)state;
	wall_ms = 1800000000000; /* 2027-01-15 */
	static const char words[] = "}\ntls-policy a.example b.example { may; until 2027-01-14; reason old }\n"
				    "tls-policy c.example { may; until 2027-01-15 }\ntls-policy d.example { may";
	reload(words);
	assert_int_equal(events[EVENT_tls_policy_over], 1);
	assert_true(last_says("a.example") && last_says("2027-01-14") && last_says("old"));
	certificates_timer(&master);
	assert_int_equal(events[EVENT_tls_policy_over], 1);
	wall_ms += 24 * 60 * 60 * 1000;
	certificates_timer(&master);
	assert_int_equal(events[EVENT_tls_policy_over], 3);
	assert_true(last_says("c.example"));
	certificates_timer(&master);
	assert_int_equal(events[EVENT_tls_policy_over], 3);
	reload(words);
	assert_int_equal(events[EVENT_tls_policy_over], 5);
}

/* A route that has never had its files is disabled, until they are there or nobody wants them. */
static void route_without_files(void **state)
{
	(void)state;
	struct pem one;
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	static const char verify[] = "}\nroute r { via h.example; tls verify; ca @/c.pem";
	reload(verify);
	assert_int_equal(events[EVENT_certificate_error], 1);
	assert_int_equal(events[EVENT_route_disabled], 1);
	assert_int_equal(states_sent, 1);
	assert_non_null(strstr(state_why, "/c.pem: No such file or directory"));
	route_states_send(&master, (void *)&states_sent); /* to a fresh process */
	assert_int_equal(states_sent, 2);
	reload(verify);
	certificates_timer(&master);
	assert_int_equal(events[EVENT_certificate_error], 2); /* of the reload */
	assert_int_equal(events[EVENT_route_disabled], 1);
	assert_int_equal(states_sent, 2);
	/* it is there, and no good: another reason */
	write_file("c.pem", "nothing");
	certificates_timer(&master);
	assert_int_equal(events[EVENT_route_disabled], 2);
	assert_non_null(strstr(state_why, "no certificate of who is trusted"));
	assert_int_equal(events[EVENT_route_enabled], 0);
	write_pem("c", &one);
	certificates_timer(&master);
	assert_int_equal(events[EVENT_route_enabled], 1);
	assert_string_equal(state_why, "");
	assert_int_equal(states_sent, 4);
	assert_int_equal(files_sent, 1);
	/* what was good once stays in use */
	write_file("c.pem", "nothing");
	reload(verify);
	assert_int_equal(states_sent, 4);
	/* a secret has no stamp: it is looked for each time */
	reload("}\nsecrets @\nroute r { via h.example; tls off; login-cleartext yes; login u; secret pw");
	assert_int_equal(states_sent, 4); /* what there was is in use still */
	reload("}\nroute r { mx; tls off");
	reload("}\nsecrets @\nroute r { via h.example; tls off; login-cleartext yes; login u; secret pw");
	assert_int_equal(states_sent, 5);
	assert_non_null(strstr(state_why, "/pw: "));
	size_t errors = events[EVENT_secret_error];
	certificates_timer(&master);
	assert_int_equal(events[EVENT_secret_error], errors); /* said once */
	reload("}\nroute r { mx; tls off");
	assert_int_equal(states_sent, 6);
	assert_int_equal(events[EVENT_route_enabled], 2);
	/* one that is taken away is not told of as usable */
	reload(verify);
	write_file("c.pem", "nothing");
	reload("}\nroute r { mx; tls off");
	reload(verify);
	assert_true(state_why[0] != '\0');
	reload("}\nroute q { mx; tls off");
	assert_string_equal(state_why, "");
	assert_int_equal(events[EVENT_route_enabled], 3);
}

static void check(void **state)
{
	(void)state;
	struct pem one;
	pem_make(&one, "DNS:one.example", PEM_EC, 90);
	write_pem("a", &one);
	static const struct {
		const char *words, *says;
	} rows[] = {
		{ "tls offer; certificate @/a.pem; key @/a.key", "" },
		{ "tls off; certificate @/nothing", "" },
		{ "tls offer; certificate @/nothing", "listener 'in': @/nothing: No such file" },
		{ "tls offer; certificate @/a.pem", "listener 'in': @/a.pem: there is no private key" },
		{ "tls offer; certificate @/a.key; key @/a.key", "there is no certificate" },
		{ "}\nroute r { mx; tls verify; ca @/a.pem; certificate @/a.pem; key @/a.key", "" },
		{ "}\nroute r { mx; tls may", "" },
		{ "}\nroute r { mx; tls off; ca @/nothing", "" },
		{ "}\nroute r { mx; tls may; ca @/nothing", "route 'r': @/nothing: No such file" },
		{ "}\nroute r { mx; tls verify; ca @/nothing", "route 'r': @/nothing: No such file" },
		{ "}\nroute r { mx; tls verify; ca @", "route 'r': @: Invalid argument" },
		{ "}\nroute r { mx; certificate @/a.pem", "route 'r': @/a.pem: there is no private key" },
		{ "}\nroute r { mx; certificate @/a.pem; key @/nothing", "route 'r': @/nothing: No such" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1024], want[512];
		struct buf out, wanted;
		struct conf *conf = conf_for(rows[i].words);
		buf_init_fixed(&out, text, sizeof text - 1);
		buf_init_fixed(&wanted, want, sizeof want - 1);
		for (const char *c = rows[i].says; *c; c++) {
			if (*c == '@') buf_str(&wanted, str_of(folder));
			else buf_byte(&wanted, *c);
		}
		want[wanted.len] = '\0';
		assert_int_equal(certificates_check(conf, &out), !rows[i].says[0]);
		text[out.len] = '\0';
		if (!strstr(text, want)) print_error("row %zu: %s\n", i, text);
		assert_non_null(strstr(text, want));
		assert_int_equal(out.len > 0, rows[i].says[0] != '\0');
		conf_free(conf);
	}
	assert_int_equal(sent, 0);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "a.pem", "a.key", "b.pem", "b.key", "c.pem", "c.key", "ca.pem", "ca.key",
					     "crl.pem", "huge" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[256];
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_ones_are_sent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(broken_ones_leave_the_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(authorities_of_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_are_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(routes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(exceptions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(route_without_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
