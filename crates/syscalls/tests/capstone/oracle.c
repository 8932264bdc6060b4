// SPDX-License-Identifier: Apache-2.0
// What capstone makes of instructions, as fixed records. Arguments: an instruction set; with a second one, "time", decodes the
// whole input as one piece and prints the milliseconds.
// Input: for each instruction 8 bytes address (little-endian) and 4 bytes code. Output: struct record.
#include <capstone/capstone.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct record {
	uint64_t numbers[8];
	uint32_t written;
	uint8_t size, count, jump, call;
	char text[200];
};

static const struct set {
	const char *name;
	cs_arch arch;
	cs_mode mode;
} sets[] = {
	{ "a32", CS_ARCH_ARM, CS_MODE_ARM | CS_MODE_V8 },
	{ "thumb", CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_V8 },
	{ "aarch64", CS_ARCH_ARM64, CS_MODE_ARM },
	{ "mips", CS_ARCH_MIPS, CS_MODE_MIPS32 | CS_MODE_BIG_ENDIAN },
	{ "mipsel", CS_ARCH_MIPS, CS_MODE_MIPS32 },
	{ "mips64", CS_ARCH_MIPS, CS_MODE_MIPS64 | CS_MODE_BIG_ENDIAN },
	{ "mips64el", CS_ARCH_MIPS, CS_MODE_MIPS64 },
	{ "mipsel-r6", CS_ARCH_MIPS, CS_MODE_MIPS32R6 },
};

static const struct set *find(const char *name)
{
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
		if (!strcmp(sets[i].name, name))
			return &sets[i];
	fprintf(stderr, "unknown instruction set %s\n", name);
	exit(2);
}

static void number(struct record *out, uint64_t value)
{
	if (out->count < 8)
		out->numbers[out->count++] = value;
}

static int arm_register(unsigned reg)
{
	if (reg >= ARM_REG_R0 && reg <= ARM_REG_R12)
		return reg - ARM_REG_R0;
	return reg == ARM_REG_SP ? 13 : reg == ARM_REG_LR ? 14 : reg == ARM_REG_PC ? 15 : -1;
}

static int arm64_register(unsigned reg)
{
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return reg - ARM64_REG_X0;
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return reg - ARM64_REG_W0;
	return reg == ARM64_REG_X29 ? 29 : reg == ARM64_REG_X30 ? 30 :
	       reg == ARM64_REG_SP || reg == ARM64_REG_WSP ? 31 : -1;
}

static int mips_register(unsigned reg)
{
	return reg >= MIPS_REG_0 && reg <= MIPS_REG_31 ? (int)(reg - MIPS_REG_0) : -1;
}

static int general(cs_arch arch, unsigned reg)
{
	return arch == CS_ARCH_ARM ? arm_register(reg) : arch == CS_ARCH_ARM64 ? arm64_register(reg) : mips_register(reg);
}

static void arm(struct record *out, const cs_insn *insn)
{
	const cs_arm *d = &insn->detail->arm;

	for (int i = 0; i < d->op_count; i++) {
		if (d->operands[i].type == ARM_OP_IMM)
			number(out, (uint32_t)d->operands[i].imm);
		if (d->operands[i].type == ARM_OP_MEM)
			number(out, (uint32_t)d->operands[i].mem.disp);
		if (d->operands[i].shift.type)
			number(out, d->operands[i].shift.value);
	}
	out->jump = insn->id == ARM_INS_B || insn->id == ARM_INS_BX || insn->id == ARM_INS_CBZ || insn->id == ARM_INS_CBNZ ||
		    insn->id == ARM_INS_TBB || insn->id == ARM_INS_TBH || insn->id == ARM_INS_BXJ;
	out->call = insn->id == ARM_INS_BL || insn->id == ARM_INS_BLX;
}

static void arm64(struct record *out, const cs_insn *insn)
{
	const cs_arm64 *d = &insn->detail->arm64;

	for (int i = 0; i < d->op_count; i++) {
		if (d->operands[i].type == ARM64_OP_IMM)
			number(out, d->operands[i].imm);
		if (d->operands[i].type == ARM64_OP_MEM)
			number(out, (int64_t)d->operands[i].mem.disp);
	}
	out->jump = insn->id == ARM64_INS_B || insn->id == ARM64_INS_BR || insn->id == ARM64_INS_RET ||
		    insn->id == ARM64_INS_CBZ || insn->id == ARM64_INS_CBNZ || insn->id == ARM64_INS_TBZ ||
		    insn->id == ARM64_INS_TBNZ;
	out->call = insn->id == ARM64_INS_BL || insn->id == ARM64_INS_BLR;
}

// Capstone 4 tells no access for MIPS: the first operand is the result of what is no store, branch or move from a register. The
// test knows those by name; here every first register is a candidate.
static void mips(struct record *out, const cs_insn *insn)
{
	const cs_mips *d = &insn->detail->mips;

	for (int i = 0; i < d->op_count; i++) {
		if (d->operands[i].type == MIPS_OP_IMM)
			number(out, d->operands[i].imm);
		if (d->operands[i].type == MIPS_OP_MEM)
			number(out, d->operands[i].mem.disp);
	}
	if (d->op_count && d->operands[0].type == MIPS_OP_REG && mips_register(d->operands[0].reg) >= 0)
		out->written = 1u << mips_register(d->operands[0].reg);
}

static void access_of(struct record *out, csh handle, cs_arch arch, const cs_insn *insn)
{
	cs_regs read, write;
	uint8_t reads, writes;

	if (arch == CS_ARCH_MIPS || cs_regs_access(handle, insn, read, &reads, write, &writes))
		return;
	for (int i = 0; i < writes; i++)
		if (general(arch, write[i]) >= 0)
			out->written |= 1u << general(arch, write[i]);
}

static void describe(struct record *out, csh handle, cs_arch arch, const cs_insn *insn)
{
	out->size = insn->size;
	snprintf(out->text, sizeof out->text, "%s %s", insn->mnemonic, insn->op_str);
	if (arch == CS_ARCH_ARM)
		arm(out, insn);
	else if (arch == CS_ARCH_ARM64)
		arm64(out, insn);
	else
		mips(out, insn);
	access_of(out, handle, arch, insn);
}

static csh open_set(const struct set *set, int detail)
{
	csh handle;

	if (cs_open(set->arch, set->mode, &handle)) {
		fprintf(stderr, "capstone has no %s\n", set->name);
		exit(2);
	}
	cs_option(handle, CS_OPT_DETAIL, detail ? CS_OPT_ON : CS_OPT_OFF);
	return handle;
}

// Capstone remembers an it block from one call to the next; four nops end it.
static void forget_block(csh handle, cs_insn *insn)
{
	static const uint8_t nops[] = { 0x00, 0xbf, 0x00, 0xbf, 0x00, 0xbf, 0x00, 0xbf };
	const uint8_t *at = nops;
	size_t left = sizeof nops;
	uint64_t address = 0;

	while (left && cs_disasm_iter(handle, &at, &left, &address, insn))
		;
}

static int timed(const struct set *set)
{
	static uint8_t code[16 << 20];
	size_t length = fread(code, 1, sizeof code, stdin);
	struct timespec start, end;
	csh handle = open_set(set, 1);
	cs_insn *insn = cs_malloc(handle);
	size_t step = set->arch == CS_ARCH_ARM && set->mode & CS_MODE_THUMB ? 2 : 4;
	unsigned long count = 0;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (size_t at = 0; at < length;) {
		const uint8_t *from = code + at;
		size_t left = length - at;
		uint64_t address = at;

		if (cs_disasm_iter(handle, &from, &left, &address, insn)) {
			at += insn->size;
			count++;
		} else {
			at += step;
		}
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	printf("%lu %.2f\n", count, (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	const struct set *set = find(argc > 1 ? argv[1] : "");
	struct { uint64_t address; uint8_t code[4]; } __attribute__((packed)) in;

	if (argc > 2)
		return timed(set);
	csh handle = open_set(set, 1);
	cs_insn *insn = cs_malloc(handle);

	while (fread(&in, sizeof in, 1, stdin) == 1) {
		struct record out;
		const uint8_t *code = in.code;
		size_t length = 4;
		uint64_t address = in.address;

		memset(&out, 0, sizeof out);
		if (cs_disasm_iter(handle, &code, &length, &address, insn))
			describe(&out, handle, set->arch, insn);
		if (set->mode & CS_MODE_THUMB && !strncmp(out.text, "it", 2))
			forget_block(handle, insn);
		fwrite(&out, sizeof out, 1, stdout);
	}
	return 0;
}
