/* SPDX-License-Identifier: Apache-2.0 */
/* What policy knows when it decides. The caller collects; the stages only read. */
#ifndef IMS_POLICY_FACTS_H
#define IMS_POLICY_FACTS_H

#include "lib/mail/envelope.h"
#include "lib/policy/client.h"
#include "lib/policy/verdict.h"
#include "lib/smtp/extra.h"

enum answer {
	ANSWER_UNKNOWN,
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_CANNOT_TELL,
	ANSWER_CIRCLE, /* of a recipient: its aliases lead to nobody, for they are wrong */
};

/* Whom a recipient's address names. */
enum stands_for { STANDS_FOR_ITSELF, STANDS_FOR_ALIAS, STANDS_FOR_CATCH_ALL };


/* Whose mailbox it is, as the directory of its domain says: a person may write under
 * other addresses than his own (aliases, details behind a plus). */
struct owner {
	enum answer known;  /* NO: nobody's that this server knows */
	struct str address; /* YES: the owner's entry */
	struct str home;    /* YES: the server that he is at home on */
};

struct facts {
	const struct conf *conf;
	const struct conf_listener *listener;
	const struct conf_host *host; /* rule of the client's address, or NULL */
	/* networks of `relay` that hold the client's address, or NULL */
	const struct conf_network *relay_from, *relay_never;

	/* connection */
	bool shunned;             /* present at two deaths of a worker */
	uint64_t sessions_all;    /* of all workers, this one counted */
	uint64_t sessions_listener;
	uint64_t sessions_client; /* from this address */

	uint64_t seed;            /* of counts that are forgotten when the service stops */

	/* the client: lib/policy/client.h */
	struct ip client;
	struct str helo;           /* empty: nothing was said */
	bool early;                /* it spoke before the greeting */
	enum client_name name;
	enum answer helo_resolves; /* the name in helo leads to the client */
	bool lists_known;          /* the lists have answered, or had their time */
	uint32_t listed;           /* bit i: conf->dnsbls[i] has it */

	/* session */
	bool authenticated;
	struct str user; /* authenticated identity; empty if none */
	bool tls;

	/* what the spool says */
	bool spool_up;
	bool disk_low;

	/* sender: local@domain, empty: null; and whose it is */
	struct str sender;
	/* content: a mailbox of From or Sender, empty: there is none; and whose it is */
	struct str author;
	bool authors_unreadable; /* such a field is there, and says nothing clear */
	/* of the sender (stage sender) or of the author (stage content) */
	struct owner owner;

	/* recipient: as parsed, route stripped */
	struct str local;  /* unquoted */
	struct str domain; /* empty: <postmaster> alone */
	enum answer exists;
	enum stands_for stands_for;
};

/* One function a stage; the first decision wins. */
struct verdict policy_connect(const struct facts *f);
struct verdict policy_early(const struct facts *f); /* bytes came before the greeting */
struct verdict policy_sender(const struct facts *f);
/* Before the recipient itself is looked at, whose `local` and `domain` are known. */
struct verdict policy_reputation(const struct facts *f);
struct verdict policy_recipient(const struct facts *f);
/* Before the text comes: whether the session may still send, and the store take it. */
struct verdict policy_data(const struct facts *f);
/* Once for each author; once without where there is none. */
struct verdict policy_content(const struct facts *f);

/* Parts of the stage sender. */
struct verdict policy_filter(const struct facts *f);
struct verdict policy_submission(const struct facts *f);

/* The right to send that the client uses, in words: a transaction with it is a submission.
 * NULL: none, it brings mail as any other server does. */
const char *policy_right(const struct facts *f);
/* Which extensions of MAIL are offered: bits of enum smtp_extra. */
unsigned policy_extra(const struct facts *f);
/* How urgent a message is, as MAIL says (MT-PRIORITY=`value`, where that was `said`) or else its
 * header. Of who has no right to send nothing is believed; `lowered`: he may not have so much. */
struct policy_priority {
	int8_t value; /* MT-PRIORITY from here on */
	enum mail_priority class;
	bool lowered;
};
struct policy_priority policy_priority(const struct facts *f, bool said, int value,
                                       enum mail_priority header);
/* Until when a message is to be held; 0: it is not. LATE: what BY says is over before. */
enum policy_future { POLICY_FUTURE_OK, POLICY_FUTURE_PAST, POLICY_FUTURE_TOO_FAR, POLICY_FUTURE_LATE };
enum policy_future policy_future(const struct facts *f, const struct smtp_extra_params *extra,
                                 int64_t now_ms, int64_t *until_ms);
/* Whether the stage content wants to know the authors. */
bool policy_wants_authors(const struct facts *f);
/* Whether the postmaster is to be told of a refusal or a hold. */
bool policy_is_told(const struct facts *f, const struct verdict *v);
/* What is known of a mailbox's owner without asking. `known` UNKNOWN: *directory (its
 * name) is to be asked; else that is empty. */
struct owner policy_owner(const struct conf *conf, struct str address, struct str *directory);

/* Nobody whom a rule or a login speaks for, and on a listener of the role mx. */
bool policy_is_stranger(const struct facts *f);
/* What the DNS is still to be asked about the client: bits of enum client_ask. */
unsigned policy_asks(const struct facts *f);
enum client_helo policy_helo(const struct facts *f);

struct reputation {
	int64_t score;
	bool decisive;  /* something was found that is weighed `reject` */
	unsigned found; /* how much was, that is weighed at all */
	int64_t heaviest;
	/* Of the heaviest finding; `rule` NULL: there is none above 0. */
	const char *dsn;
	struct str text;
	const struct conf_origin *rule;
};
void policy_reputation_count(const struct facts *f, struct reputation *r);
/* Names of the lists that have the client, blanks between them. */
void policy_lists_write(const struct facts *f, struct buf *out);
/* Whether the client has to wait for the greeting, and whether it is known well enough not
 * to wait any longer. */
bool policy_waits_for_greeting(const struct facts *f);
bool policy_is_welcome(const struct facts *f);

/* Whether the client can log in now, and whether it must before it sends. */
enum policy_auth { POLICY_AUTH_OFF, POLICY_AUTH_AFTER_TLS, POLICY_AUTH_OFFERED };
enum policy_auth policy_auth_offer(const struct facts *f);
bool policy_auth_required(const struct facts *f);

/* Whether VRFY (EXPN) is answered; if not, as if nobody could know. */
bool policy_may_vrfy(const struct facts *f);
bool policy_may_expn(const struct facts *f);
/* The address that an argument of VRFY or EXPN means: as given, in brackets or not, with a
 * name in front or not; without a domain it is the only local one's. Written to `address`. */
enum policy_verify { POLICY_VERIFY_OK, POLICY_VERIFY_AMBIGUOUS, POLICY_VERIFY_BAD };
enum policy_verify policy_verify_address(const struct conf *conf, struct str argument,
                                         struct buf *address);

/* Whether the list has the user who has logged in, or his domain. */
bool policy_user_is_in(struct str user, const struct conf_matches *owners);

/* ETRN (RFC 1985): whether the client may ask for the mail of any domain that is held for it. */
bool policy_may_etrn(const struct facts *f);
/* The domains that an argument of ETRN means and that the client may ask for: a domain, all
 * below it too ("@domain"), or all that go by a route ("#route"). Written to `domains`, each
 * in lower case with a line end behind it. */
enum policy_etrn {
	POLICY_ETRN_OK,
	POLICY_ETRN_BAD,    /* it is none of these */
	POLICY_ETRN_DENIED, /* nothing is held under that name, or not for this client */
	POLICY_ETRN_MANY,   /* more than there is room for in `domains` */
};
enum policy_etrn policy_etrn_domains(const struct facts *f, struct str argument,
                                     struct buf *domains);

/* ATRN (RFC 2645): the domains of an argument ("a.example,b.example"; empty: all that the user
 * may have), written to `domains` as above, each once. */
enum policy_atrn {
	POLICY_ATRN_OK,
	POLICY_ATRN_BAD,    /* that is no list of domains */
	POLICY_ATRN_DENIED, /* one of them is not for this user, or not held; or there is none */
	POLICY_ATRN_MANY,   /* more than there is room for in `domains` */
};
enum policy_atrn policy_atrn_domains(const struct facts *f, struct str argument,
                                     struct buf *domains);
/* Whether such a list has it; and puts it there. */
bool policy_domain_is_in(struct str domains, struct str name);
void policy_domain_put(struct buf *domains, struct str name);

/* The postmaster of any local domain, or of this server (RFC 5321 4.5.1): exact, ASCII
 * case does not matter (Q245041: prefixes of it were taken for it). */
bool policy_is_postmaster(struct str local);
/* A recipient who is he, here: he can always be written to, above all about what refuses others. */
bool policy_is_for_postmaster(const struct conf *conf, struct str local, struct str domain);

#endif
