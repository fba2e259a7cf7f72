/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator's action means for one message: the same for the running service
 * and for imsctl on the spool of a stopped one. Pure. */
#ifndef IMS_SPOOL_ACTION_H
#define IMS_SPOOL_ACTION_H

#include "lib/mail/envelope.h"
#include "lib/queue/action.h"
#include "lib/queue/filter.h"
#include "lib/route/route.h"
#include "spool/store.h"

/* The state as it is listed: an active message that was tried in vain is deferred. */
enum filter_state action_state(const struct spool_msg *msg);
/* Whether the action means anything for a message in this state. */
bool action_applies(enum queue_action action, enum filter_state state);
/* Makes `op` the operation that does it to op->id; `reason` is borrowed. until_ms: the
 * end of a hold, or 0. Not for those that are more than an operation: bounce, suspend,
 * resume. */
void action_op(enum queue_action action, int64_t now_ms, int64_t until_ms, struct str reason,
               struct spool_op *op);
/* The directory said at arrival that this recipient exists; for postmaster it matters
 * (lib/route). */
bool action_existed(const struct envelope *e, uint32_t index);

/* With these begins what a recipient waits for that nothing leads to. */
#define ACTION_NO_ROUTE    "No route leads to this address"
#define ACTION_ROUTE_LACKS "The route cannot be used now"
bool action_lacks_route(const struct spool_rcpt *rcpt);
/* The recipient's state as it is listed: deferred, as one of those waits, is unreachable. */
struct str action_rcpt_state(const struct spool_rcpt *rcpt);
/* Where this recipient of the message goes. */
struct route action_route(const struct conf *conf, const struct envelope *e,
                          const struct spool_rcpt *rcpt);
/* The next dearer route than that one; false: there is none. */
bool action_dearer(const struct conf *conf, const struct envelope *e,
                   const struct spool_rcpt *rcpt, struct route *route);

#endif
