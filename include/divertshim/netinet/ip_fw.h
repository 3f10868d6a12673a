/*
 * divertshim: <netinet/ip_fw.h> of FreeBSD, as far as libalias uses it to punch holes into the
 * firewall. There is no ipfw here: setsockopt() with these options fails with ENOPROTOOPT, as it
 * does on FreeBSD without the module.
 */
#ifndef DIVERTSHIM_NETINET_IP_FW_H
#define DIVERTSHIM_NETINET_IP_FW_H

#pragma GCC system_header
#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

/* Not FreeBSD's 50 and up, which are other options here. */
#define IP_FW_ADD      0x4632
#define IP_FW_DEL      0x4633
#define IP_FW_FLUSH    0x4634
#define IP_FW_ZERO     0x4635
#define IP_FW_GET      0x4636
#define IP_FW_RESETLOG 0x4637
#define IP_FW_NAT_CFG  0x4638
#define IP_FW_NAT_DEL  0x4639

#define IPFW_DEFAULT_RULE 65535

enum ipfw_opcodes {
    O_NOP,
    O_IP_SRC,
    O_IP_SRC_MASK,
    O_IP_SRC_ME,
    O_IP_SRC_SET,
    O_IP_DST,
    O_IP_DST_MASK,
    O_IP_DST_ME,
    O_IP_DST_SET,
    O_IP_SRCPORT,
    O_IP_DSTPORT,
    O_PROTO,
    O_IN,
    O_FRAG,
    O_RECV,
    O_XMIT,
    O_VIA,
    O_ESTAB,
    O_TCPFLAGS,
    O_ICMPTYPE,
    O_PROBE_STATE,
    O_KEEP_STATE,
    O_LIMIT,
    O_LOG,
    O_CHECK_STATE,
    O_ACCEPT,
    O_DENY,
    O_REJECT,
    O_COUNT,
    O_SKIPTO,
    O_DIVERT,
    O_TEE,
    O_LAST_OPCODE
};

typedef struct _ipfw_insn {
    u_int8_t opcode;
    u_int8_t len; /* in 32-bit words, with the bits below */
#define F_NOT       0x80
#define F_OR        0x40
#define F_LEN_MASK  0x3f
#define F_LEN(insn) ((insn)->len & F_LEN_MASK)
    u_int16_t arg1;
} ipfw_insn;

#define F_INSN_SIZE(type) (sizeof(type) / sizeof(u_int32_t))

typedef struct _ipfw_insn_u16 {
    ipfw_insn o;
    u_int16_t ports[2];
} ipfw_insn_u16;

typedef struct _ipfw_insn_u32 {
    ipfw_insn o;
    u_int32_t d[1];
} ipfw_insn_u32;

typedef struct _ipfw_insn_ip {
    ipfw_insn o;
    struct in_addr addr;
    struct in_addr mask;
} ipfw_insn_ip;

struct ip_fw {
    struct ip_fw *next;
    struct ip_fw *next_rule;
    u_int16_t act_ofs; /* of the action in cmd, in 32-bit words */
    u_int16_t cmd_len; /* of cmd, in 32-bit words */
    u_int16_t rulenum;
    u_int8_t set;
    u_int8_t _pad;
    u_int64_t pcnt;
    u_int64_t bcnt;
    u_int32_t timestamp;
    ipfw_insn cmd[1];
};

#define ACTION_PTR(rule) ((ipfw_insn *)((u_int32_t *)((rule)->cmd) + (rule)->act_ofs))
#define RULESIZE(rule)   (sizeof(struct ip_fw) + (rule)->cmd_len * 4 - 4)

#endif
