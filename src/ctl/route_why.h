/* SPDX-License-Identifier: Apache-2.0 */
/* Where a recipient goes and which line of the configuration says so, in words. The decision
 * itself is lib/route's. */
#ifndef IMS_CTL_ROUTE_WHY_H
#define IMS_CTL_ROUTE_WHY_H

#include "lib/base/json.h"
#include "lib/conf/conf.h"
#include "lib/route/route.h"

const char *route_kind_text(enum route_kind kind); /* "mailbox" "lmtp" "via" "mx" "none" */
/* The destination as people know it: "example.org" for the MX of it, the hosts of a route
 * or of an LMTP list, "mailbox", "-". */
void route_destination_write(struct buf *out, const struct route *route);
/* Which statement decides: "route branch matches .example.com for sender @a.example
 * (/etc/ims/ims.conf:15)". */
void route_rule_write(struct buf *out, const struct conf *conf, struct str address,
                      const struct route *route);
/* "/etc/ims/ims.conf:15", or what comes with the program. */
void route_origin_write(struct buf *out, struct conf_origin at);
/* Where it decides: "/etc/ims/ims.conf:15"; empty if no statement does. */
void route_place_write(struct buf *out, const struct route *route);
/* Whether and how its mail is encrypted: "require: nothing without it, ...". */
void route_tls_write(struct buf *out, const struct conf *conf, const struct route *route,
                     int64_t wall_ms);
/* The block `tls-policy` that counts for it, or NULL; and in words, with place, last day and reason. */
const struct conf_tls_policy *route_exception(const struct conf *conf, const struct route *route,
                                              int64_t wall_ms);
void route_exception_write(struct buf *out, const struct conf_tls_policy *policy);
/* By which addresses its mail leaves: "a weight 3 [192.0.2.1 2001:db8::1] as a.example, 100
 * messages until TIME; b ...". Empty: the system chooses. */
void route_egress_write(struct buf *out, const struct conf *conf, const struct route *route,
                        int64_t wall_ms);
/* As whom it logs in, and by which secret: "ann@isp.example, password of secret isp, by PLAIN LOGIN"; empty
 * without a login. The password itself is read by nobody here. */
void route_login_write(struct buf *out, const struct route *route);
/* The routes that take the mail while the hosts of the cheaper ones are dead, in their order: "route dear
 * (/etc/ims/ims.conf:15, cost 5); route dearest ..."; and as a member `dearer`, a list of objects. */
void route_dearer_write(struct buf *out, const struct conf *conf, const struct route_ask *ask);
void route_dearer_json(struct json *json, const struct conf *conf, const struct route_ask *ask);
/* Members of an object: kind, route, rule, place, key, destination, tls, tls_policy, login ... */
void route_json(struct json *json, const struct conf *conf, struct str address,
                const struct route *route, int64_t wall_ms);

#endif
