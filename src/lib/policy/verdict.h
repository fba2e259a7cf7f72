/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage of policy decided: the reply that the client gets and the rule that
 * decided, for the log and for "explain". Everything in it lives as long as the
 * configuration or the program. */
#ifndef IMS_POLICY_VERDICT_H
#define IMS_POLICY_VERDICT_H

#include "lib/conf/conf.h"

enum verdict_kind {
	VERDICT_ACCEPT,
	VERDICT_HOLD, /* accept, and hold the message: `text` and the rule say why */
	VERDICT_REFUSE,
	VERDICT_NEED
};

/* Refusals (and holds) that somebody may want to be told of, by what they are about. */
enum verdict_class {
	VERDICT_CLASS_NONE, VERDICT_HOMED, VERDICT_MATCH,
	VERDICT_RATE, VERDICT_BASELINE, /* held, mostly */
	VERDICT_CLASSES
};

/* What a stage must know before it can decide. */
enum fact { FACT_RECIPIENT_EXISTS = 1, FACT_SENDER_HOME, FACT_AUTHOR_HOME, FACT_CLIENT };

struct verdict {
	enum verdict_kind kind;
	enum fact need;     /* VERDICT_NEED */
	enum verdict_class class; /* VERDICT_REFUSE, VERDICT_HOLD */
	unsigned code;      /* VERDICT_REFUSE: 4xx or 5xx */
	const char *dsn;    /* enhanced status code, RFC 3463 */
	struct str text;    /* a sentence for a person, with what to do */
	const char *builtin;             /* name of a built-in rule, or NULL */
	const struct conf_origin *rule;  /* where a configured rule stands, or NULL */
};

struct verdict verdict_accept(void);
struct verdict verdict_need(enum fact fact);
struct verdict verdict_builtin(unsigned code, const char *dsn, struct str text,
                               const char *builtin);
struct verdict verdict_rule(unsigned code, const char *dsn, struct str text,
                            const struct conf_origin *rule);
struct verdict verdict_hold(struct str text, const struct conf_origin *rule);
/* "homed", "match", "rate", "baseline": the word of the setting; empty for none. */
struct str verdict_class_name(enum verdict_class class);
/* "FILE:LINE", or the built-in rule's name. */
void verdict_rule_write(const struct verdict *v, struct buf *out);

#endif
