/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener mends in messages, and whom its senders are outside. Pure. */
#ifndef IMS_POLICY_REPAIR_H
#define IMS_POLICY_REPAIR_H

#include "lib/conf/conf.h"
#include "lib/mail/repair.h"

enum mail_repair_how policy_repair(const struct conf_listener *listener);
/* The address that stands for this one (local@domain) where the listener repairs all;
 * empty: it stays. */
struct str policy_map_sender(const struct conf *conf, const struct conf_listener *listener,
			     struct str address);

#endif
