// SPDX-License-Identifier: Apache-2.0
//! Something for each function, or each piece of data, of each module.

/// Rows by module; a place that nothing was put in has the default.
#[derive(Debug)]
pub(super) struct Grid<T> {
    rows: Vec<Vec<T>>,
}

impl<T> Default for Grid<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T: Default> Grid<T> {
    pub(super) fn at(&self, module: usize, number: usize) -> Option<&T> {
        self.rows.get(module)?.get(number)
    }

    /// The place, made where it is not there yet. Numbers are those of things that exist.
    pub(super) fn at_mut(&mut self, module: usize, number: usize) -> Option<&mut T> {
        if self.rows.len() <= module {
            self.rows.resize_with(module + 1, Vec::new);
        }
        let row = self.rows.get_mut(module)?;
        if row.len() <= number {
            row.resize_with(number + 1, T::default);
        }
        row.get_mut(number)
    }

    /// Everything with module and number, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize, &T)> {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(module, row)| {
            row.iter().enumerate().map(move |(number, value)| (module, number, value))
        })
    }
}

impl Grid<bool> {
    /// Sets a mark. True: it was not set.
    pub(super) fn mark(&mut self, module: usize, number: usize) -> bool {
        self.at_mut(module, number).is_some_and(|mark| !std::mem::replace(mark, true))
    }

    pub(super) fn unmark(&mut self, module: usize, number: usize) {
        if let Some(mark) = self.at_mut(module, number) {
            *mark = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn a_mark_is_set_once_until_it_is_taken_away() {
        let mut grid: Grid<bool> = Grid::default();
        assert!(grid.mark(2, 5));
        assert!(!grid.mark(2, 5));
        grid.unmark(2, 5);
        assert!(grid.mark(2, 5));
        assert_eq!(grid.iter().filter(|(_, _, set)| **set).count(), 1);
    }
}
