/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/dsn/decide.h"

#include "lib/dsn/explain.h"
#include "lib/smtp/command.h"

static const struct {
	unsigned subject, detail;
	enum dsn_class class;
} classes[] = {
	{ 1, 1, DSN_CLASS_ADDRESS_UNKNOWN },
	{ 1, 2, DSN_CLASS_HOST_UNKNOWN },
	{ 1, 3, DSN_CLASS_ADDRESS_UNKNOWN },
	{ 1, 4, DSN_CLASS_AMBIGUOUS },
	{ 1, 6, DSN_CLASS_ADDRESS_UNKNOWN },
	{ 1, 10, DSN_CLASS_HOST_UNKNOWN },
	{ 4, 2, DSN_CLASS_PROTOCOL },
	{ 4, 3, DSN_CLASS_HOST_UNKNOWN },
	{ 4, 4, DSN_CLASS_HOST_UNKNOWN },
	{ 4, 7, DSN_CLASS_EXPIRED },
};

enum dsn_class dsn_class_of(struct str status, bool expired)
{
	unsigned subject, detail;
	if (expired) return DSN_CLASS_EXPIRED;
	(void)dsn_status_parts(status, &subject, &detail);
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (classes[i].subject == subject && classes[i].detail == detail)
			return classes[i].class;
	return subject == 5 ? DSN_CLASS_PROTOCOL : DSN_CLASS_OTHER;
}

/* RFC 3461 4.1: without NOTIFY it is as if FAILURE was asked for, and DELAY is ours to
 * choose; 5.2.2: a success at a server that reports itself is not ours to tell. */
static bool sender_wants(const struct dsn_case *c)
{
	bool delay = !c->bulk || c->by_notify;
	unsigned notify = c->notify ? c->notify
				    : SMTP_NOTIFY_FAILURE | (delay ? SMTP_NOTIFY_DELAY : 0u);
	if (notify & SMTP_NOTIFY_NEVER) return false;
	switch (c->action) {
	case DSN_FAILED: return notify & SMTP_NOTIFY_FAILURE;
	case DSN_DELAYED: return notify & SMTP_NOTIFY_DELAY;
	case DSN_RELAYED:
		return c->trace || (notify & SMTP_NOTIFY_SUCCESS && !c->peer_reports);
	case DSN_EXPANDED:
	case DSN_DELIVERED: return notify & SMTP_NOTIFY_SUCCESS;
	case DSN_ACTIONS: break;
	}
	return false;
}

struct dsn_decision dsn_decide(const struct dsn_case *c)
{
	struct dsn_decision d = { 0 };
	/* RFC 5321 4.5.5, RFC 3461 6.1: a report about a report goes in a circle. */
	d.to_sender = !c->sender_null && !c->is_copy && sender_wants(c);
	if (c->action != DSN_FAILED || c->is_copy) return d;
	if (d.to_sender && c->sender_is_postmaster) return d;
	d.to_postmaster = dsn_class_of(c->status, c->expired) & c->postmaster_classes;
	return d;
}
