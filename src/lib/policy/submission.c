/* SPDX-License-Identifier: Apache-2.0 */
/* "Clients can only submit if homed on this server", and "... if the account matches the
 * address" (Q178091). Nothing here needs an identity: most of those who are refused have
 * none. */
#include "lib/policy/facts.h"
#include "lib/smtp/address.h"

const char *policy_right(const struct facts *f)
{
	if (f->listener->role == CONF_ROLE_SUBMISSION) return "listener of the role submission";
	if (f->listener->role == CONF_ROLE_RELAY) return "listener of the role relay";
	if (f->authenticated) return "logged in";
	if (f->host && f->host->auth == CONF_HOST_AUTH_EXEMPT)
		return "exempt from authentication by a host rule";
	if (f->relay_never) return NULL;
	if (f->host && f->host->relay == CONF_YES_YES) return "may relay by a host rule";
	return f->relay_from ? "may relay by the list of networks" : NULL;
}

static bool submission_requires(const struct facts *f, enum conf_submission_rule rule)
{
	if (rule == CONF_SUBMISSION_BY_ROLE) return f->listener->role == CONF_ROLE_SUBMISSION;
	return rule == CONF_SUBMISSION_REQUIRED;
}

static bool submission_wants_homed(const struct facts *f)
{
	return policy_right(f) && submission_requires(f, f->conf->submission.homed);
}

/* Of who has not logged in nothing can be said to be his. */
static bool submission_wants_match(const struct facts *f)
{
	return policy_right(f) && f->authenticated &&
	       submission_requires(f, f->conf->submission.match);
}

static struct verdict submission_refuse(const struct facts *f, enum verdict_class class,
                                        struct str text)
{
	const struct conf_submission *s = &f->conf->submission;
	const struct conf_origin *from = class == VERDICT_HOMED ? &s->homed_from : &s->match_from;
	struct verdict v = verdict_rule(550, "5.7.1", text, from);
	if (from->line == 0)
		v = verdict_builtin(550, "5.7.1", text,
			class == VERDICT_HOMED ? "homed by role" : "match by role");
	v.class = class;
	return v;
}

/* RFC 5321 4.5.5: a report has the null sender, and servers pass reports on. RFC 6409 is
 * about people, who have an address. */
static struct verdict submission_null(const struct facts *f, bool homed)
{
	if (f->listener->role == CONF_ROLE_RELAY) return verdict_accept();
	if (f->listener->role == CONF_ROLE_MX && !f->authenticated) return verdict_accept();
	return submission_refuse(f, homed ? VERDICT_HOMED : VERDICT_MATCH,
		STR("The null sender is for reports of servers; send with your own address"));
}

static bool submission_is_home(const struct conf *conf, struct str home)
{
	const struct conf_matches *servers = &conf->submission.servers;
	if (str_eq_nocase(home, conf->hostname)) return true;
	for (size_t i = 0; i < servers->count; i++)
		if (str_eq_nocase(home, servers->at[i])) return true;
	return false;
}

static struct verdict submission_cannot_tell(void)
{
	return verdict_builtin(451, "4.3.0",
		STR("The list of users cannot be asked now; try again later"), "directory");
}

static bool submission_owns(const struct facts *f)
{
	return f->owner.known == ANSWER_YES && smtp_address_eq(f->owner.address, f->user);
}

struct verdict policy_submission(const struct facts *f)
{
	bool homed = submission_wants_homed(f), match = submission_wants_match(f);
	if (!homed && !match) return verdict_accept();
	if (f->sender.len == 0) return submission_null(f, homed);
	if (f->owner.known == ANSWER_UNKNOWN) return verdict_need(FACT_SENDER_HOME);
	if (f->owner.known == ANSWER_CANNOT_TELL) return submission_cannot_tell();
	if (homed && f->owner.known == ANSWER_NO)
		return submission_refuse(f, VERDICT_HOMED,
			STR("That sender is no user of this server; send with the address of a user here"));
	if (homed && !submission_is_home(f->conf, f->owner.home))
		return submission_refuse(f, VERDICT_HOMED,
			STR("That sender is at home on another server; send the message through that one"));
	if (match && !submission_owns(f))
		return submission_refuse(f, VERDICT_MATCH,
			STR("That sender address is not yours; send with your own, or log in as its owner"));
	return verdict_accept();
}

bool policy_wants_authors(const struct facts *f)
{
	return submission_wants_match(f);
}

struct verdict policy_content(const struct facts *f)
{
	if (!submission_wants_match(f)) return verdict_accept();
	if (f->authors_unreadable)
		return submission_refuse(f, VERDICT_MATCH,
			STR("The message does not say clearly who wrote it; correct its From and Sender fields"));
	if (f->author.len == 0) return verdict_accept();
	if (f->owner.known == ANSWER_UNKNOWN) return verdict_need(FACT_AUTHOR_HOME);
	if (f->owner.known == ANSWER_CANNOT_TELL) return submission_cannot_tell();
	if (submission_owns(f)) return verdict_accept();
	return submission_refuse(f, VERDICT_MATCH,
		STR("An address in From or Sender is not yours; write your own, or log in as its owner"));
}

bool policy_is_told(const struct facts *f, const struct verdict *v)
{
	return (v->kind == VERDICT_REFUSE || v->kind == VERDICT_HOLD) && v->class != VERDICT_CLASS_NONE &&
	       f->conf->submission.notify == CONF_NOTIFY_POSTMASTER;
}

struct owner policy_owner(const struct conf *conf, struct str address, struct str *directory)
{
	struct str local, domain;
	*directory = STR("");
	smtp_address_split(address, &local, &domain);
	const struct conf_domain *d = conf_domain_find(conf, domain);
	if (!d || local.len == 0) return (struct owner){ .known = ANSWER_NO };
	/* An alias may lead to somebody, whoever the users are. */
	if (!d->users.any || d->aliases.len) {
		if (!d->users.any) *directory = d->users.name;
		return (struct owner){ .known = ANSWER_UNKNOWN };
	}
	/* Every address is good; whose mail goes on by a route, his home is elsewhere. */
	if (d->deliver.kind == CONF_DELIVER_ROUTE) return (struct owner){ .known = ANSWER_NO };
	return (struct owner){ ANSWER_YES, address, conf->hostname };
}
