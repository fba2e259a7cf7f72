/* SPDX-License-Identifier: Apache-2.0 */
/* explain: the verb, and what is looked up for explain route A@B, by the code that decides. */
#include "ctl/explain.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/events.h"
#include "ctl/explain_live.h"
#include "ctl/offline.h"

void explain_line(const char *name, struct str value)
{
	if (value.len == 0) return;
	printf("%-12s ", name);
	ctl_print_safe(value);
	putchar('\n');
}

int explain_print(const struct buf *out)
{
	if (out->overflowed) return ctl_fail(EX_SOFTWARE, "the answer does not fit in a line");
	(void)fwrite(out->at, 1, out->len, stdout);
	putchar('\n');
	return 0;
}

/* --- the verb ------------------------------------------------------------------------------ */

/* Before the spool is opened: that gives up the rights to read the log. */
static void outcomes_look(struct route_case *c)
{
	struct log_place place;
	bool by_domain = c->route.kind != ROUTE_VIA;
	c->outcomes.count = 0;
	if (!events_place(c->ctl->conf, &place)) return;
	outcomes_find(&place, route_name(&c->route), by_domain ? route_domain_of(c->address) : STR(""),
		stderr, &c->outcomes);
}

static int show(const struct route_case *c)
{
	return c->ctl->json ? explain_route_json(c) : explain_route_text(c);
}

static int show_with_queue(struct route_case *c, struct store *store)
{
	static struct summary s;
	static const struct filter all;
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, &c->route);
	int status = summary_make(c->ctl, store, &all, &s);
	if (status) return status;
	c->row = summary_find(&s, buf_view(&key));
	c->suspended = suspended_find(&s.suspended, route_name(&c->route), route_domain_of(c->address));
	status = show(c);
	summary_free(&s);
	return status;
}

static int explain_route(const struct ctl *ctl, int argc, char **argv)
{
	struct store *store;
	const char *sender = ctl_option(&argc, argv, "--from"), *user = ctl_option(&argc, argv, "--user");
	if (argc != 1)
		return ctl_fail(EX_USAGE, "explain route ADDRESS [--from ADDRESS] [--user USER]");
	struct route_case c = { .ctl = ctl, .address = str_of(argv[0]) };
	if (c.address.len == 0 || c.address.len > SPOOL_ADDRESS_MAX)
		return ctl_fail(EX_USAGE, "explain route wants an address");
	struct route_ask ask = { .address = c.address, .exists = true };
	if (sender && strcmp(sender, "<>") != 0) ask.sender = str_of(sender);
	if (user) ask.user = str_of(user);
	c.ask = ask;
	c.route = route_find(ctl->conf, &ask);
	ask.exists = false;
	c.unknown = route_find(ctl->conf, &ask);
	c.now_ms = offline_now_ms();
	outcomes_look(&c);
	c.live = live_load(&c, sender, user);
	int status = offline_look(ctl, &store);
	if (status == 0) status = store ? show_with_queue(&c, store) : show(&c);
	if (store) store_close(store);
	outcomes_free(&c.outcomes);
	json_decref(c.live);
	return status;
}

int ctl_explain(struct ctl *ctl, int argc, char **argv)
{
	if (argc >= 1 && strcmp(argv[0], "route") == 0) return explain_route(ctl, argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[0], "msg") == 0) return explain_msg(ctl, argv[1]);
	if (argc >= 1 && strcmp(argv[0], "rcpt") == 0) return explain_rcpt(ctl, argc - 1, argv + 1);
	if (argc >= 1 && strcmp(argv[0], "client") == 0) return explain_client(ctl, argc - 1, argv + 1);
	return ctl_fail(EX_USAGE, "explain route ADDRESS, msg ID, client IP, or rcpt --client IP --to ADDRESS");
}
