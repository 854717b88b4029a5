import {
  maxPolygonPoints,
  type PicturePoint,
  type SpeedScale,
  type Zone,
  type ZoneSettings,
} from '@framelock/server/protocol';
import { computed, reactive, ref, shallowRef } from 'vue';
import {
  emptyZones,
  fullWords,
  groundPoints,
  newGround,
  pointsOf,
  problemsOf,
  scaleId,
  shapesOf,
  swapped,
  withNewShape,
  withoutShape,
  withPoints,
  withShape,
} from './zoneDraft.ts';
import { middleAfter, placeWords, withPointAfter, withPointAt } from './zoneGeometry.ts';

export type DrawingKind = 'zone' | 'line' | 'ground';
/** A person who went back that far draws anew. */
const undoLimit = 100;
const leastPoints = { zone: 3, line: 2, ground: groundPoints } as const;
const mostPoints = { zone: maxPolygonPoints, line: 2, ground: groundPoints } as const;
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/**
 * What somebody draws on a picture, until it is saved: shared by what shows it on the picture (ZoneDrawing) and what is
 * beside that (ZoneEditor). It neither loads nor saves.
 */
export function useZoneEditor() {
  const active = ref(false);
  /** As it was stored when it was opened. */
  const base = shallowRef<ZoneSettings>(emptyZones);
  const draft = shallowRef<ZoneSettings>(emptyZones);
  const selectedId = ref<string>();
  /** Index into the selected shape's points. */
  const selectedPoint = ref<number>();
  /** What is being drawn point by point; undefined = nothing is. */
  const drawing = ref<DrawingKind>();
  const points = shallowRef<PicturePoint[]>([]);
  /** Where the next point of the keyboard goes. */
  const cursor = ref<PicturePoint>({ x: 0.5, y: 0.5 });
  /** For people who do not see it: what happened last. */
  const said = ref('');
  const past = shallowRef<ZoneSettings[]>([]);
  const future = shallowRef<ZoneSettings[]>([]);
  let lastKey: string | undefined;

  const shapes = computed(() => shapesOf(draft.value));
  const selected = computed(() => shapes.value.find(({ id }) => id === selectedId.value));
  const problems = computed(() => problemsOf(draft.value));
  const dirty = computed(() => active.value && !same(draft.value, base.value));

  /** The same words twice are read twice only when something else was said between. */
  function say(words: string): void {
    said.value = said.value === words ? `${words}\u00a0` : words;
  }

  /** `key`: changes of the same key one after the other are undone together. */
  function change(next: ZoneSettings, key?: string): void {
    if (same(next, draft.value)) return;
    if (key === undefined || key !== lastKey) past.value = [...past.value, draft.value].slice(-undoLimit);
    lastKey = key;
    future.value = [];
    draft.value = next;
  }
  function endStep(): void {
    lastKey = undefined;
  }

  function goTo(next: ZoneSettings, words: string): void {
    endStep();
    draft.value = next;
    if (selectedId.value !== scaleId && !selected.value) select(undefined);
    else if (selectedPoint.value !== undefined && !pointsOf(next, selectedId.value!)[selectedPoint.value]) {
      selectedPoint.value = undefined;
    }
    say(words);
  }
  function undo(): void {
    if (drawing.value && points.value.length > 0) return removeLast();
    const before = past.value.at(-1);
    if (!before) return say('There is nothing to undo');
    past.value = past.value.slice(0, -1);
    future.value = [...future.value, draft.value];
    goTo(before, 'Undone');
  }
  function redo(): void {
    const next = future.value.at(-1);
    if (!next) return say('There is nothing to do again');
    future.value = future.value.slice(0, -1);
    past.value = [...past.value, draft.value];
    goTo(next, 'Done again');
  }

  function open(stored: ZoneSettings): void {
    base.value = draft.value = stored;
    past.value = future.value = [];
    endStep();
    cancel();
    select(undefined);
    cursor.value = { x: 0.5, y: 0.5 };
    said.value = '';
    active.value = true;
  }
  function close(): void {
    active.value = false;
    drawing.value = undefined;
    select(undefined);
  }
  /** It was saved as it is. */
  function stored(settings: ZoneSettings): void {
    base.value = settings;
  }

  function select(id: string | undefined, point?: number): void {
    if (id !== selectedId.value) endStep();
    selectedId.value = id;
    selectedPoint.value = point;
  }

  function begin(kind: DrawingKind): void {
    const full = kind === 'ground' ? undefined : fullWords(draft.value, kind);
    if (full) return say(full);
    select(kind === 'ground' ? scaleId : undefined);
    drawing.value = kind;
    points.value = [];
    const whats = { zone: 'A new zone', line: 'A new line', ground: 'Four points on the ground' };
    say(`${whats[kind]}. Arrow keys move the crosshair, Space or Enter sets a point.`);
  }
  function cancel(): void {
    if (drawing.value) say('Drawing was cancelled');
    drawing.value = undefined;
    points.value = [];
  }
  function removeLast(): void {
    if (points.value.length === 0) return cancel();
    points.value = points.value.slice(0, -1);
    const last = points.value.at(-1);
    if (last) cursor.value = last;
    say(`Point removed, ${points.value.length} left`);
  }

  function addPoint(point: PicturePoint): void {
    const kind = drawing.value;
    if (!kind) return;
    cursor.value = point;
    points.value = [...points.value, point];
    const count = points.value.length;
    if (count === mostPoints[kind]) return finish();
    const closes = kind === 'zone' && count >= leastPoints.zone ? ' Enter again closes the zone.' : '';
    say(`Point ${count}: ${placeWords(point)}.${closes}`);
  }
  /** Of a zone by the person, of the others with their last point. */
  function finish(): void {
    const kind = drawing.value;
    if (!kind) return;
    const [first, last] = [points.value[0], points.value.at(-1)];
    // Closing by a double click or a second Enter may have set the last point twice.
    const drawn =
      kind === 'zone' && points.value.length > 3 && same(first, last) ? points.value.slice(0, -1) : points.value;
    if (drawn.length < leastPoints[kind]) return say(`A zone needs at least 3 points, and has ${drawn.length}`);
    drawing.value = undefined;
    points.value = [];
    if (kind === 'ground') {
      change({ ...draft.value, scale: newGround(drawn) });
      return say('Four points are set. Now say how many metres lie between them.');
    }
    const made = withNewShape(draft.value, kind, drawn);
    change(made.settings);
    endStep();
    select(made.shape.id);
    const problem = problems.value.get(made.shape.id);
    say(problem ? `${made.shape.name} is drawn, but ${problem}` : `${made.shape.name} is drawn`);
  }

  function update(id: string, next: Partial<Omit<Zone, 'polygon'>>, key?: string): void {
    change(withShape(draft.value, id, next), key);
  }
  function setPoints(id: string, next: readonly PicturePoint[], key?: string): void {
    change(withPoints(draft.value, id, next), key);
  }
  function movePoint(id: string, index: number, point: PicturePoint): void {
    setPoints(id, withPointAt(pointsOf(draft.value, id), index, point), `point ${id} ${index}`);
  }
  /** Only zones have as many points as one likes. */
  function insertPoint(id: string, after: number, point?: PicturePoint): boolean {
    const known = pointsOf(draft.value, id);
    if (!draft.value.zones.some((zone) => zone.id === id)) return false;
    if (known.length >= maxPolygonPoints) {
      say(`A zone has at most ${maxPolygonPoints} points`);
      return false;
    }
    endStep();
    setPoints(id, withPointAfter(known, after, point ?? middleAfter(known, after)), `point ${id} ${after + 1}`);
    select(id, after + 1);
    say(`A point was put in, ${known.length + 1} points`);
    return true;
  }
  function removePoint(id: string, index: number): void {
    const known = pointsOf(draft.value, id);
    const zone = draft.value.zones.find((one) => one.id === id);
    if (!zone) return say('A line has two points: delete the whole line instead');
    if (known.length <= leastPoints.zone) return say('A zone has at least 3 points: delete the whole zone instead');
    setPoints(id, known.toSpliced(index, 1));
    selectedPoint.value = Math.min(index, known.length - 2);
    say(`Point removed, ${known.length - 1} left`);
  }
  function remove(id: string): void {
    const shape = shapes.value.find((one) => one.id === id);
    if (!shape) return;
    change(withoutShape(draft.value, id));
    select(undefined);
    say(`${shape.name} was deleted`);
  }
  function swap(id: string): void {
    change(swapped(draft.value, id));
    say('In and out are swapped');
  }
  function setScale(scale: SpeedScale | null, key?: string): void {
    change({ ...draft.value, scale }, key);
  }

  const facts = { active, base, draft, shapes, selected, selectedId, selectedPoint, drawing, points, cursor };
  const more = { said, problems, dirty, past, future };
  const acts = { open, close, stored, select, begin, cancel, removeLast, addPoint, finish, undo, redo, say };
  const edits = { update, setPoints, movePoint, insertPoint, removePoint, remove, swap, setScale, endStep };
  return reactive({ ...facts, ...more, ...acts, ...edits });
}

export type ZoneEditing = ReturnType<typeof useZoneEditor>;
