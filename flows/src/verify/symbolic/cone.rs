//! The cone of influence: the variables that something still reads from a point of a pipeline on.
//!
//! All others are quantified away. That keeps the sets small and makes states equal.

use std::collections::{BTreeMap, HashMap, HashSet};

use ofproto::action::{Action, CtZone, Learn, LearnSpec, Subfield};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PortNo, TableId};

use super::layout::{self, IN_PORT, INNER_TAG};
use super::program::{Operation, ProgramId, Programs};
use super::registers::{Concrete, Registers};
use super::space::is_hidden;
use super::table::Table;
use super::variables::{Variables, connection, of_learn, presence};

/// The cones of one bridge.
#[derive(Debug, Default)]
pub(super) struct Cones {
    /// What a table and everything after it reads, whatever the registers are.
    tables: BTreeMap<TableId, Variables>,
    /// The same for known registers.
    known: HashMap<(TableId, Registers), Variables>,
    /// What is read beyond an output to a port.
    outputs: BTreeMap<PortNo, Variables>,
    /// What is read beyond an output to any port.
    any_output: Variables,
    /// What learned flows of a table match.
    learned: BTreeMap<TableId, Variables>,
    concrete: Concrete,
    /// Tables that are being examined.
    open: HashSet<(TableId, Registers)>,
}

impl Cones {
    /// Returns the cones of a bridge. `beyond` is what is read beyond an output to each port, and
    /// `always` what is asked in the end.
    pub(super) fn new(
        tables: &BTreeMap<TableId, Table>,
        programs: &Programs,
        concrete: Concrete,
        beyond: BTreeMap<PortNo, Variables>,
        always: &Variables,
    ) -> Self {
        let mut always = always.clone();
        always.extend(IN_PORT.variables());
        let mut any_output = always.clone();
        beyond.values().for_each(|port| any_output.add(port));
        let outputs = beyond.into_iter().map(|(port, mut read)| {
            read.add(&always);
            (port, read)
        });
        let mut this = Self { outputs: outputs.collect(), any_output, concrete, ..Self::default() };
        this.outputs.insert(PortNo::ANY, always);
        for table in tables.values() {
            for group in &table.groups {
                for learn in learns(programs.operations(group.program)) {
                    let dst = learn.specs.iter().filter_map(|spec| match spec {
                        LearnSpec::Match { dst, .. } => Some(*dst),
                        _ => None,
                    });
                    let mut read: Variables = dst.clone().flat_map(layout::bits).collect();
                    if dst.clone().any(|dst| is_hidden(dst.field)) {
                        read.extend(layout::whole(Field::IpFrag));
                    }
                    this.learned.entry(learn.table).or_default().add(&read);
                }
            }
        }
        for (number, table) in tables {
            let read = this.tables.entry(*number).or_default();
            table.groups.iter().for_each(|group| read.add(&group.compared));
        }
        for (table, read) in &this.learned {
            this.tables.entry(*table).or_default().add(read);
        }
        this.close(tables, programs);
        this
    }

    /// Adds what later tables read, until nothing is new.
    fn close(&mut self, tables: &BTreeMap<TableId, Table>, programs: &Programs) {
        loop {
            let mut changed = false;
            for (number, table) in tables.iter().rev() {
                let mut read = self.tables.get(number).cloned().unwrap_or_default();
                for group in &table.groups {
                    for operation in programs.operations(group.program) {
                        self.operation(*number, operation, &mut read);
                    }
                }
                if self.learned.contains_key(number) {
                    read.add(&self.any_output);
                }
                changed |= self.tables.get(number) != Some(&read);
                self.tables.insert(*number, read);
            }
            if !changed {
                break;
            }
        }
    }

    /// Returns what a table and everything after it reads.
    pub(super) fn of_table(&self, table: TableId) -> Variables {
        self.tables.get(&table).cloned().unwrap_or_default()
    }

    /// Returns what the rest of a program and the tables after it read, whatever the registers are.
    pub(super) fn of_rest(
        &self,
        current: TableId,
        program: ProgramId,
        from: u16,
        programs: &Programs,
    ) -> Variables {
        let mut read = Variables::default();
        let rest = programs.operations(program).iter().skip(usize::from(from));
        rest.for_each(|operation| self.operation(current, operation, &mut read));
        read
    }

    /// Returns what some actions and the tables after them read.
    pub(super) fn of_actions(&self, actions: &[Action]) -> Variables {
        let mut read = Variables::default();
        actions.iter().for_each(|action| self.action(TableId(0), action, &mut read));
        read
    }

    /// Adds what an operation, and the tables that it leads to, read.
    fn operation(&self, current: TableId, operation: &Operation, read: &mut Variables) {
        match operation {
            Operation::Apply(action) => self.action(current, action, read),
            Operation::WriteActions(actions) => {
                actions.iter().for_each(|action| self.action(current, action, read));
            }
            Operation::Goto(table) => read.add(&self.of_table(*table)),
            Operation::OutputCopied { .. } => read.add(&self.any_output),
            _ => {}
        }
    }

    fn action(&self, current: TableId, action: &Action, read: &mut Variables) {
        let field = |read: &mut Variables, sub: Subfield| read.extend(layout::bits(sub));
        match action {
            Action::Output { port, .. } | Action::OutputTrunc { port, .. } => self.output(*port, read),
            Action::OutputReg { src, .. } => {
                field(read, *src);
                read.add(&self.any_output);
            }
            Action::Resubmit { table, .. } | Action::ResubmitCt { table, .. } => {
                read.add(&self.of_table(table.unwrap_or(current)));
            }
            Action::Move { src, dst } | Action::CopyField { src, dst } => {
                field(read, *src);
                if !self.concrete.has(dst.field) {
                    read.extend(presence());
                }
            }
            Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. })
                if *field >= Field::Reg0 => {}
            Action::Load { dst, .. } if dst.field >= Field::Reg0 => {}
            Action::Controller(_) | Action::Note(_) | Action::Exit | Action::FinTimeout { .. } => {}
            Action::Learn(learn) => read.add(&of_learn(learn)),
            Action::Ct(ct) => {
                read.extend(connection());
                if let CtZone::Field(src) = ct.zone {
                    field(read, src);
                }
                if let Some(table) = ct.table {
                    read.add(&self.of_table(table));
                }
                ct.actions.iter().for_each(|action| self.action(current, action, read));
            }
            Action::Clone(actions) => actions.iter().for_each(|action| self.action(current, action, read)),
            Action::PushVlan(_) | Action::PopVlan => {
                read.extend(layout::whole(Field::VlanVid).chain(layout::whole(Field::VlanPcp)));
                read.extend(INNER_TAG.variables());
            }
            Action::DecNwTtl | Action::DecNwTtlIds(_) => {
                read.extend(presence().chain(layout::whole(Field::IpTtl)));
            }
            Action::Group(_) | Action::Bundle(_) | Action::Unknown { .. } => {
                read.extend(presence());
                read.add(&self.any_output);
            }
            _ => read.extend(presence()),
        }
    }

    fn output(&self, port: PortNo, read: &mut Variables) {
        if port.0 > PortNo::MAX.0 && port != PortNo::LOCAL {
            read.add(&self.any_output);
            return;
        }
        let beyond = self.outputs.get(&port).or_else(|| self.outputs.get(&PortNo::ANY));
        beyond.into_iter().for_each(|beyond| read.add(beyond));
    }

    /// Returns what a lookup of packets with known registers, and everything after it, reads.
    pub(super) fn of_lookup(
        &mut self,
        table: TableId,
        registers: &Registers,
        tables: &BTreeMap<TableId, Table>,
        programs: &Programs,
    ) -> Variables {
        let key = (table, registers.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // A loop: whatever the registers are.
        if !self.open.insert(key.clone()) {
            return self.of_table(table);
        }
        let mut read = self.learned.get(&table).cloned().unwrap_or_default();
        if self.learned.contains_key(&table) {
            read.add(&self.any_output);
        }
        let groups = tables.get(&table).map(|table| table.groups.as_slice()).unwrap_or_default();
        for group in groups.iter().filter(|group| group.admits(registers)) {
            read.add(&group.compared);
            read.add(&self.of_program(table, group.program, 0, registers, tables, programs));
        }
        self.open.remove(&key);
        self.known.insert(key, read.clone());
        read
    }

    /// Returns what the rest of a program reads, as long as the registers stay known.
    pub(super) fn of_program(
        &mut self,
        current: TableId,
        program: ProgramId,
        from: u16,
        registers: &Registers,
        tables: &BTreeMap<TableId, Table>,
        programs: &Programs,
    ) -> Variables {
        let mut read = Variables::default();
        let mut registers = Some(registers.clone());
        for operation in programs.operations(program).iter().skip(usize::from(from)) {
            match (operation, &mut registers) {
                (Operation::Goto(table), Some(registers)) => {
                    read.add(&self.of_lookup(*table, registers, tables, programs));
                }
                (Operation::Apply(Action::Load { dst, value }), Some(registers))
                    if self.concrete.has(dst.field) =>
                {
                    registers.put_part(*dst, (*value).into());
                }
                (Operation::Apply(Action::Resubmit { table, .. }), known) => {
                    let table = table.unwrap_or(current);
                    match known.take() {
                        Some(registers) => {
                            read.add(&self.of_lookup(table, &registers, tables, programs));
                        }
                        None => read.add(&self.of_table(table)),
                    }
                }
                (Operation::Apply(Action::OutputReg { src, .. }), Some(registers))
                    if self.concrete.has(src.field) =>
                {
                    let port = u16::try_from(registers.part(*src)).map(PortNo::from_u16);
                    self.output(port.unwrap_or(PortNo::ANY), &mut read);
                }
                (operation, known) => {
                    if writes_registers(operation, self.concrete) {
                        *known = None;
                    }
                    self.operation(current, operation, &mut read);
                }
            }
        }
        read
    }
}

/// Returns whether an operation may change registers in a way that only its execution shows.
fn writes_registers(operation: &Operation, concrete: Concrete) -> bool {
    match operation {
        Operation::Apply(
            Action::SetField(Oxm::Known { field, .. }) | Action::RegLoad2(Oxm::Known { field, .. }),
        ) => concrete.has(*field),
        Operation::Apply(Action::Load { dst, .. }) | Operation::LoadCopied { dst, .. } => {
            concrete.has(dst.field)
        }
        Operation::Apply(action) => {
            !matches!(
                action,
                Action::Output { .. }
                    | Action::Controller(_)
                    | Action::Ct(_)
                    | Action::Clone(_)
                    | Action::Note(_)
                    | Action::PopVlan
                    | Action::PushVlan(_)
            ) && !matches!(action, Action::Learn(learn) if learn.result_dst.is_none())
        }
        Operation::WriteMetadata { .. } | Operation::WriteActions(_) => true,
        _ => false,
    }
}

/// Returns the learners of a program.
pub(super) fn learns(operations: &[Operation]) -> impl Iterator<Item = &Learn> {
    operations.iter().flat_map(|operation| {
        let actions = match operation {
            Operation::Apply(action) => std::slice::from_ref(action),
            Operation::WriteActions(actions) => actions.as_slice(),
            _ => &[],
        };
        flow_model::learns(flow_model::nested(actions))
    })
}
