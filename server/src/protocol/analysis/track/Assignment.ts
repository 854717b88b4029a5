/**
 * Pairs rows with columns so that the sum of the pairs' weights is the largest there can be; pairs that were not offered
 * are never made, and any row or column may stay alone. Exact: shortest augmenting paths over the offered pairs only
 * (Crouse 2016, doi:10.1109/TAES.2016.140952; Jonker and Volgenant 1987), each row with an exit of its own that costs
 * nothing. Where things are apart, as most are, a row's path has one step. Its arrays are kept from use to use.
 *
 *     assignment.begin(columns); for each row { assignment.beginRow(); assignment.offer(column, weight) … }
 *     assignment.solve(); assignment.columnOf(row)
 */
export class Assignment {
  #rows = 0;
  #columns = 0;
  #offers = 0;
  /** Where each row's offers begin; one more than there are rows. */
  #offersFrom = new Int32Array(65);
  #offeredColumn = new Int32Array(256);
  #offeredWeight = new Float64Array(256);
  #columnOf = new Int32Array(64);
  #rowOf = new Int32Array(64);
  /** Prices (dual variables). */
  #rowPrice = new Float64Array(64);
  #columnPrice = new Float64Array(64);
  /** Of the present path: distance to each column, the row before it, and whether it is settled. */
  #distance = new Float64Array(64).fill(Infinity);
  #cameFrom = new Int32Array(64);
  #settled = new Uint8Array(64);
  /** Columns that the path has touched, and the rows that it has gone through. */
  #touched = new Int32Array(64);
  #passed = new Int32Array(64);

  /** `columns`: how many there are; whatever was offered before is forgotten. */
  begin(columns: number): void {
    this.#rows = 0;
    this.#offers = 0;
    this.#columns = columns;
    this.#growColumns(columns);
    this.#rowOf.fill(-1, 0, columns);
    this.#columnPrice.fill(0, 0, columns);
  }

  beginRow(): void {
    this.#growRows(this.#rows + 1);
    this.#offersFrom[this.#rows] = this.#offers;
    this.#columnOf[this.#rows] = -1;
    this.#rowPrice[this.#rows++] = 0;
  }

  /** Of the row begun last, each column once. Weights that are not above 0 are as good as none. */
  offer(column: number, weight: number): void {
    if (!(weight > 0)) return;
    if (this.#offers === this.#offeredColumn.length) {
      this.#offeredColumn = grown(this.#offeredColumn, new Int32Array(this.#offers * 2));
      this.#offeredWeight = grown(this.#offeredWeight, new Float64Array(this.#offers * 2));
    }
    this.#offeredColumn[this.#offers] = column;
    this.#offeredWeight[this.#offers++] = weight;
  }

  solve(): void {
    this.#offersFrom[this.#rows] = this.#offers;
    for (let row = 0; row < this.#rows; row++) this.#place(row);
  }

  /** -1: alone. */
  columnOf(row: number): number {
    return this.#columnOf[row]!;
  }

  rowOf(column: number): number {
    return this.#rowOf[column]!;
  }

  /** Finds the cheapest way to a free column, or to a row that had better stay alone, and moves everyone on it along. */
  #place(first: number): void {
    let touched = 0;
    let passed = 0;
    let reached = 0;
    let row = first;
    let cheapestExit = Infinity;
    let exitRow = -1;
    let freeColumn = -1;
    for (;;) {
      this.#passed[passed++] = row;
      const base = reached - this.#rowPrice[row]!;
      if (base < cheapestExit) {
        cheapestExit = base;
        exitRow = row;
      }
      touched = this.#relax(row, base, touched);
      const column = this.#nearest(touched);
      if (column < 0 || cheapestExit <= this.#distance[column]!) {
        reached = cheapestExit;
        break;
      }
      reached = this.#distance[column]!;
      this.#settled[column] = 1;
      if (this.#rowOf[column]! < 0) {
        freeColumn = column;
        break;
      }
      row = this.#rowOf[column]!;
    }
    this.#reprice(first, passed, touched, reached);
    let column = freeColumn;
    if (freeColumn < 0) {
      column = this.#columnOf[exitRow]!;
      this.#columnOf[exitRow] = -1;
    }
    while (column >= 0) {
      const mover = this.#cameFrom[column]!;
      const left = this.#columnOf[mover]!;
      this.#rowOf[column] = mover;
      this.#columnOf[mover] = column;
      column = left;
    }
    for (let i = 0; i < touched; i++) {
      this.#distance[this.#touched[i]!] = Infinity;
      this.#settled[this.#touched[i]!] = 0;
    }
  }

  #relax(row: number, base: number, touched: number): number {
    const to = this.#offersFrom[row + 1]!;
    for (let i = this.#offersFrom[row]!; i < to; i++) {
      const column = this.#offeredColumn[i]!;
      if (this.#settled[column] === 1) continue;
      const distance = base - this.#offeredWeight[i]! - this.#columnPrice[column]!;
      const known = this.#distance[column]!;
      if (distance >= known) continue;
      if (known === Infinity) this.#touched[touched++] = column;
      this.#distance[column] = distance;
      this.#cameFrom[column] = row;
    }
    return touched;
  }

  /** The unsettled column at the least distance; -1: none. */
  #nearest(touched: number): number {
    let nearest = -1;
    let least = Infinity;
    for (let i = 0; i < touched; i++) {
      const column = this.#touched[i]!;
      if (this.#settled[column] === 1) continue;
      const distance = this.#distance[column]!;
      if (distance > least || (distance === least && this.#rowOf[column]! >= 0)) continue;
      least = distance;
      nearest = column;
    }
    return nearest;
  }

  #reprice(first: number, passed: number, touched: number, reached: number): void {
    for (let i = 0; i < passed; i++) {
      const row = this.#passed[i]!;
      const from = row === first ? 0 : this.#distance[this.#columnOf[row]!]!;
      this.#rowPrice[row]! += reached - from;
    }
    for (let i = 0; i < touched; i++) {
      const column = this.#touched[i]!;
      if (this.#settled[column] === 1) this.#columnPrice[column]! -= reached - this.#distance[column]!;
    }
  }

  #growRows(rows: number): void {
    if (rows <= this.#columnOf.length) return;
    const size = rows * 2;
    this.#offersFrom = grown(this.#offersFrom, new Int32Array(size + 1));
    this.#columnOf = grown(this.#columnOf, new Int32Array(size));
    this.#rowPrice = grown(this.#rowPrice, new Float64Array(size));
    this.#passed = new Int32Array(size);
  }

  #growColumns(columns: number): void {
    if (columns <= this.#rowOf.length) return;
    const size = columns * 2;
    this.#rowOf = new Int32Array(size);
    this.#columnPrice = new Float64Array(size);
    this.#distance = new Float64Array(size).fill(Infinity);
    this.#cameFrom = new Int32Array(size);
    this.#settled = new Uint8Array(size);
    this.#touched = new Int32Array(size);
  }
}

function grown<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from as never);
  return to;
}
