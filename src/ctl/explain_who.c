/* SPDX-License-Identifier: Apache-2.0 */
/* explain rcpt, explain client: facts are collected as the role receive collects them, and
 * the stages of policy decide. The spool is taken to be up, and no limit to be reached. */
#include "ctl/explain_who.h"

#include <string.h>
#include <sysexits.h>

#include "ctl/explain.h"

/* --- arguments -------------------------------------------------------------------------- */

static const struct conf_listener *find_listener(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->listener_count; i++)
		if (!name || str_eq(conf->listeners[i].name, str_of(name))) return &conf->listeners[i];
	return NULL;
}

/* Client, listener and what the configuration says of them. */
static int take_client(struct who *w, const char *client, const char *listener)
{
	const struct conf *conf = w->ctl->conf;
	if (!client || !ip_parse(str_of(client), &w->client))
		return ctl_fail(EX_USAGE, "an IP address of a client is wanted");
	w->facts = (struct facts){
		.conf = conf,
		.listener = find_listener(conf, listener),
		.client = w->client,
		.host = conf_host_find(conf, w->client),
		.relay_from = conf_network_find(&conf->relay.from, w->client),
		.relay_never = conf_network_find(&conf->relay.never, w->client),
		.sessions_all = 1, .sessions_listener = 1, .sessions_client = 1,
		.spool_up = true,
		/* The DNS is not asked: nothing that it says is counted. */
		.name = CLIENT_NAME_CANNOT_TELL,
		.helo_resolves = ANSWER_CANNOT_TELL,
		.lists_known = true,
	};
	if (w->facts.listener) return 0;
	return ctl_fail(EX_DATAERR, "there is no such listener");
}

/* As MAIL or RCPT would take it, with or without brackets. */
static int take_address(const char *word, enum smtp_path_kind kind, char *memory,
                        struct str *address)
{
	char text[WHO_ADDRESS_MAX];
	struct buf bracketed, out;
	struct smtp_path path;
	struct str rest, given = str_of(word);
	buf_init_fixed(&bracketed, text, sizeof text);
	buf_init_fixed(&out, memory, WHO_ADDRESS_MAX);
	bool bare = !str_starts(given, STR("<"));
	if (bare) buf_byte(&bracketed, '<');
	buf_str(&bracketed, given);
	if (bare) buf_byte(&bracketed, '>');
	if (bracketed.overflowed ||
	    smtp_path_parse(buf_view(&bracketed), kind, &path, &rest) != SMTP_PATH_OK || rest.len)
		return ctl_fail(EX_DATAERR, "the address is not one that MAIL or RCPT takes (501)");
	smtp_path_write(&out, &path);
	*address = buf_view(&out);
	return 0;
}

/* --- the stages ------------------------------------------------------------------------- */

/* False: it decides, and no other stage is asked. */
static bool add_stage(struct who *w, const char *name, struct verdict v)
{
	w->stages[w->count++] = (struct who_stage){ name, v };
	return v.kind != VERDICT_REFUSE;
}

static void ask_owner(struct who *w, struct str address, struct lookup *out)
{
	struct str directory;
	struct owner owner = policy_owner(w->ctl->conf, address, &directory);
	lookup_free(out); /* the sender may be asked about twice */
	if (owner.known != ANSWER_UNKNOWN) *out = (struct lookup){ .owner = owner };
	else
		lookup_ask(w->ctl->conf, directory, address, LOOKUP_OWNER, out);
	w->facts.owner = out->owner;
}

static bool stage_sender(struct who *w)
{
	struct verdict v = policy_sender(&w->facts);
	if (v.kind == VERDICT_NEED) {
		ask_owner(w, w->facts.sender, &w->sender);
		v = policy_sender(&w->facts);
	}
	return add_stage(w, "sender", v);
}

static bool stage_reputation(struct who *w)
{
	return add_stage(w, "reputation", policy_reputation(&w->facts));
}

static bool stage_recipient(struct who *w)
{
	struct verdict v = policy_recipient(&w->facts);
	if (v.kind == VERDICT_NEED) {
		const struct conf_domain *d = conf_domain_find(w->ctl->conf, w->facts.domain);
		struct str directory = d && d->users.directory ? d->users.name : STR("");
		lookup_ask(w->ctl->conf, directory, w->to, LOOKUP_RECIPIENT, &w->recipient);
		w->facts.exists = w->recipient.owner.known;
		w->facts.stands_for = w->recipient.stands_for;
		v = policy_recipient(&w->facts);
	}
	return add_stage(w, "recipient", v);
}

/* With a header that says From: the sender. */
static bool stage_content(struct who *w)
{
	w->facts.author = w->facts.sender;
	w->facts.owner = w->sender.owner;
	struct verdict v = policy_content(&w->facts);
	if (v.kind == VERDICT_NEED) {
		ask_owner(w, w->facts.author, &w->sender);
		v = policy_content(&w->facts);
	}
	return add_stage(w, "content", v);
}

/* --- the verbs -------------------------------------------------------------------------- */

static int show(struct who *w)
{
	int status = w->ctl->json ? who_json(w) : who_text(w);
	lookup_free(&w->sender);
	lookup_free(&w->recipient);
	return status;
}

int explain_rcpt(const struct ctl *ctl, int argc, char **argv)
{
	static struct who w;
	struct str quoted;
	struct buf local;
	w = (struct who){ .ctl = ctl };
	const char *client = ctl_option(&argc, argv, "--client");
	const char *listener = ctl_option(&argc, argv, "--listener");
	const char *user = ctl_option(&argc, argv, "--user");
	const char *sender = ctl_option(&argc, argv, "--from");
	const char *recipient = ctl_option(&argc, argv, "--to");
	w.helo = ctl_option(&argc, argv, "--helo");
	bool tls = ctl_flag(&argc, argv, "--tls");
	if (argc > 0 || !client || !recipient)
		return ctl_fail(EX_USAGE, "explain rcpt --client IP --to ADDRESS [--helo NAME] [--user USER] "
			"[--from ADDRESS] [--listener NAME] [--tls]");
	int status = take_client(&w, client, listener);
	if (!status) status = take_address(sender ? sender : "", SMTP_REVERSE_PATH, w.from_text, &w.facts.sender);
	if (!status) status = take_address(recipient, SMTP_FORWARD_PATH, w.to_text, &w.to);
	if (status) return status;
	buf_init_fixed(&local, w.local, sizeof w.local);
	smtp_address_split(w.to, &quoted, &w.facts.domain);
	smtp_local_unquote(&local, quoted);
	w.facts.tls = tls;
	if (w.helo) w.facts.helo = str_of(w.helo);
	w.facts.authenticated = user && *user && strcmp(user, "-") != 0;
	if (w.facts.authenticated) w.facts.user = str_of(user);
	w.facts.local = buf_view(&local);
	if (add_stage(&w, "connect", policy_connect(&w.facts)) && stage_sender(&w) && stage_reputation(&w) &&
	    stage_recipient(&w))
		(void)stage_content(&w);
	return show(&w);
}

int explain_client(const struct ctl *ctl, int argc, char **argv)
{
	static struct who w;
	w = (struct who){ .ctl = ctl };
	const char *listener = ctl_option(&argc, argv, "--listener");
	bool tls = ctl_flag(&argc, argv, "--tls");
	if (argc != 1) return ctl_fail(EX_USAGE, "explain client IP [--listener NAME] [--tls]");
	int status = take_client(&w, argv[0], listener);
	if (status) return status;
	w.facts.tls = tls;
	if (!add_stage(&w, "connect", policy_connect(&w.facts))) return show(&w);
	/* Whether it may send at all, and to other domains: one that nobody has. */
	if (!add_stage(&w, "session", policy_data(&w.facts))) return show(&w);
	w.facts.local = STR("somebody");
	w.facts.domain = STR("other.invalid");
	if (!stage_reputation(&w)) return show(&w);
	(void)add_stage(&w, "relay", policy_recipient(&w.facts));
	return show(&w);
}
