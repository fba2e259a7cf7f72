/* SPDX-License-Identifier: Apache-2.0 */
/* What each stage of policy takes, with the finding of the rules that go into it, for one
 * mail that passes all of them.  policy [times]: one JSON line for empty tables, one for
 * 100,000 host rules and 100,000 filtered senders. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/policy/facts.h"

enum { TABLE = 100000, TEXT_MAX = 32 << 20 };

static const char head[] =
	"hostname mx.us.example\n"
	"submission { homed required; match required; notify postmaster }\n"
	"postmaster ann@us.example\n"
	"listener in { address *:25; role mx; auth offer }\n"
	"host 192.0.2.0/24 { accept; auth exempt; relay yes }\n"
	"relay { authenticated; from 198.51.100.0/24; never 198.51.100.9 }\n"
	"domain us.example { users people; deliver maildir /m/%n }\n"
	"directory people { sqlite /d }\n"
	"filter senders { x@spam.example @.turf.example }\n";

static int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct conf *conf_of(struct str text)
{
	struct conf_errors errors;
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	if (!bundle) return NULL;
	conf_bundle_init(bundle);
	conf_errors_init(&errors);
	struct conf *conf = conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("bench.conf"), text) &&
	                    conf_bundle_set_hostname(bundle, STR("mx.us.example"))
	                            ? conf_parse(bundle, &errors) : NULL;
	if (!conf) {
		struct buf why;
		buf_init(&why, 64 * 1024);
		conf_errors_write(&errors, &why);
		fprintf(stderr, "policy: %.*s\n", (int)why.len, why.at);
	}
	return conf;
}

/* Facts of a mail of a user who has logged in, from an address that no rule names. */
static struct facts facts_of(const struct conf *conf)
{
	struct str bob = STR("bob@us.example");
	return (struct facts){ .conf = conf, .listener = &conf->listeners[0], .sessions_all = 10,
		.sessions_listener = 10, .sessions_client = 1, .authenticated = true, .user = bob, .tls = true,
		.spool_up = true, .sender = bob, .author = bob, .local = STR("ann"),
		.domain = STR("us.example"), .exists = ANSWER_YES };
}

static struct verdict stage_connect(struct facts *f)
{
	struct ip ip = ip_of_v4(0xcb007101u);
	f->host = conf_host_find(f->conf, ip);
	f->relay_from = conf_network_find(&f->conf->relay.from, ip);
	f->relay_never = conf_network_find(&f->conf->relay.never, ip);
	return policy_connect(f);
}

static struct owner owner_of(const struct facts *f, struct str address)
{
	struct str directory;
	struct owner o = policy_owner(f->conf, address, &directory);
	if (o.known != ANSWER_UNKNOWN) return o;
	return (struct owner){ ANSWER_YES, address, STR("mx.us.example") };
}

static struct verdict stage_sender(struct facts *f)
{
	f->owner = (struct owner){ 0 };
	struct verdict v = policy_sender(f);
	if (v.kind != VERDICT_NEED) return v;
	f->owner = owner_of(f, f->sender);
	return policy_sender(f);
}

static struct verdict stage_recipient(struct facts *f) { return policy_recipient(f); }
static struct verdict stage_data(struct facts *f) { return policy_data(f); }

static struct verdict stage_content(struct facts *f)
{
	f->owner = (struct owner){ 0 };
	struct verdict v = policy_content(f);
	if (v.kind != VERDICT_NEED) return v;
	f->owner = owner_of(f, f->author);
	return policy_content(f);
}

static bool measure(const char *tables, struct str text, unsigned times)
{
	static const struct { const char *name; struct verdict (*run)(struct facts *f); } stages[] = {
		{ "connect", stage_connect }, { "sender", stage_sender },
		{ "recipient", stage_recipient }, { "data", stage_data },
		{ "content", stage_content },
	};
	struct conf *conf = conf_of(text);
	if (!conf) return false;
	printf("{\"tables\":\"%s\"", tables);
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		struct facts f = facts_of(conf);
		int64_t start = now_ns();
		for (unsigned n = 0; n < times; n++) {
			if (stages[i].run(&f).kind == VERDICT_ACCEPT) continue;
			fprintf(stderr, "policy: stage %s does not accept\n", stages[i].name);
			return false;
		}
		printf(",\"%s_us\":%.3f", stages[i].name, (double)(now_ns() - start) / times / 1e3);
	}
	printf("}\n");
	conf_free(conf);
	return true;
}

int main(int argc, char **argv)
{
	unsigned times = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	struct buf text;
	buf_init(&text, TEXT_MAX);
	buf_str(&text, STR(head));
	if (times == 0 || !measure("empty", buf_view(&text), times)) return 70;
	for (unsigned i = 0; i < TABLE; i++)
		buf_fmt(&text, "host 10.%u.%u.%u accept\n", i >> 16 & 255, i >> 8 & 255, i & 255);
	buf_str(&text, STR("filter senders {\n"));
	for (unsigned i = 0; i < TABLE; i++) buf_fmt(&text, "u%u@s%u.example\n", i, i);
	buf_str(&text, STR("}\n"));
	return !text.overflowed && measure("full", buf_view(&text), times) ? 0 : 70;
}
