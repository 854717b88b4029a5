import { zoneSettingsSchema, type ZoneSettings } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { emptyZones, pointsOf, problemsOf, scaleId } from './zoneDraft.ts';
import { useZoneEditor } from './useZoneEditor.ts';

const at = (x: number, y: number) => ({ x, y });
const square = [at(0.2, 0.2), at(0.6, 0.2), at(0.6, 0.6), at(0.2, 0.6)];

function editing(stored: ZoneSettings = emptyZones) {
  const editor = useZoneEditor();
  editor.open(stored);
  return editor;
}
function withZone() {
  const editor = editing();
  editor.begin('zone');
  for (const point of square) editor.addPoint(point);
  editor.finish();
  return { editor, id: editor.draft.zones[0]!.id };
}

describe('drawing', () => {
  it('makes a zone of points, selects it, and says so', () => {
    const { editor } = withZone();
    expect(zoneSettingsSchema.safeParse(editor.draft).success).toBe(true);
    expect(editor.draft.zones).toMatchObject([{ name: 'Zone 1', polygon: square, anchor: 'bottom', labels: null }]);
    expect([editor.selected?.name, editor.drawing, editor.dirty]).toEqual(['Zone 1', undefined, true]);
    expect(editor.said).toBe('Zone 1 is drawn');
  });

  it('needs three points, and one that closes it twice is one', () => {
    const editor = editing();
    editor.begin('zone');
    editor.addPoint(square[0]!);
    editor.addPoint(square[1]!);
    editor.finish();
    expect([editor.drawing, editor.said]).toEqual(['zone', 'A zone needs at least 3 points, and has 2']);
    editor.addPoint(square[2]!);
    editor.addPoint(square[0]!);
    editor.finish();
    expect(editor.draft.zones[0]!.polygon).toEqual(square.slice(0, 3));
  });

  it('makes a line of its second point, and the ground of its fourth', () => {
    const editor = editing();
    editor.begin('line');
    editor.addPoint(at(0, 0.5));
    editor.addPoint(at(1, 0.5));
    expect(editor.draft.lines).toMatchObject([{ name: 'Line 1', from: at(0, 0.5), to: at(1, 0.5) }]);
    editor.swap(editor.draft.lines[0]!.id);
    expect(editor.draft.lines).toMatchObject([{ from: at(1, 0.5), to: at(0, 0.5) }]);
    editor.begin('ground');
    for (const point of square) editor.addPoint(point);
    expect(editor.draft.scale).toMatchObject({ kind: 'ground', points: [{ xMetres: 0, yMetres: 0 }, {}, {}, {}] });
    expect(pointsOf(editor.draft, scaleId)).toHaveLength(4);
    editor.movePoint(scaleId, 1, at(0.7, 0.2));
    expect(pointsOf(editor.draft, scaleId)[1]).toEqual({ x: 0.7, y: 0.2, xMetres: 10, yMetres: 0 });
    expect(zoneSettingsSchema.safeParse(editor.draft).success).toBe(true);
  });

  it('goes back point by point, and can be cancelled', () => {
    const editor = editing();
    editor.begin('zone');
    editor.addPoint(square[0]!);
    editor.addPoint(square[1]!);
    editor.removeLast();
    expect([editor.points, editor.cursor]).toEqual([[square[0]], square[0]]);
    editor.removeLast();
    editor.removeLast();
    expect(editor.drawing).toBeUndefined();
    editor.begin('line');
    editor.addPoint(square[0]!);
    editor.cancel();
    expect([editor.drawing, editor.points, editor.dirty]).toEqual([undefined, [], false]);
  });

  it('gives names and colours that are free, and ends where there is no room', () => {
    const editor = editing();
    for (let i = 0; i < 33; i++) {
      editor.begin('zone');
      for (const point of square) editor.addPoint(point);
      editor.finish();
    }
    expect(editor.draft.zones).toHaveLength(32);
    expect(editor.said).toContain('at most 32 zones');
    const { zones } = editor.draft;
    expect(new Set(zones.map(({ name }) => name)).size).toBe(32);
    expect(new Set(zones.slice(0, 12).map(({ colour }) => colour)).size).toBe(12);
    expect(new Set(zones.map(({ id }) => id)).size).toBe(32);
  });
});

describe('points', () => {
  it('are moved, put in and taken out, no fewer than a zone has', () => {
    const { editor, id } = withZone();
    editor.movePoint(id, 0, at(0.1, 0.1));
    expect(editor.insertPoint(id, 3)).toBe(true);
    expect(pointsOf(editor.draft, id)).toEqual([at(0.1, 0.1), ...square.slice(1), at(0.15, 0.35)]);
    expect(editor.selectedPoint).toBe(4);
    editor.removePoint(id, 4);
    editor.removePoint(id, 0);
    expect(pointsOf(editor.draft, id)).toEqual(square.slice(1));
    editor.removePoint(id, 0);
    expect(pointsOf(editor.draft, id)).toHaveLength(3);
    expect(editor.said).toContain('at least 3 points');
  });

  it('of a line are two', () => {
    const editor = editing();
    editor.begin('line');
    editor.addPoint(at(0, 0));
    editor.addPoint(at(1, 1));
    const { id } = editor.draft.lines[0]!;
    expect(editor.insertPoint(id, 0)).toBe(false);
    editor.removePoint(id, 0);
    expect(pointsOf(editor.draft, id)).toHaveLength(2);
  });
});

describe('undo', () => {
  it('takes back step by step, drags and words as one, and does them again', () => {
    const { editor, id } = withZone();
    for (let i = 0; i < 5; i++) editor.movePoint(id, 0, at(0.1, i / 100));
    editor.endStep();
    editor.movePoint(id, 0, at(0.05, 0.05));
    for (const name of ['D', 'Do', 'Door']) editor.update(id, { name }, `name ${id}`);
    expect(editor.past).toHaveLength(4);
    editor.undo();
    expect(editor.draft.zones[0]!.name).toBe('Zone 1');
    editor.undo();
    expect(pointsOf(editor.draft, id)[0]).toEqual(at(0.1, 0.04));
    editor.undo();
    expect(pointsOf(editor.draft, id)).toEqual(square);
    editor.undo();
    expect([editor.draft, editor.selectedId, editor.dirty]).toEqual([emptyZones, undefined, false]);
    editor.undo();
    expect(editor.said).toBe('There is nothing to undo');
    for (let i = 0; i < 4; i++) editor.redo();
    expect(editor.draft.zones[0]).toMatchObject({ name: 'Door', polygon: [at(0.05, 0.05), ...square.slice(1)] });
    editor.undo();
    editor.remove(id);
    expect(editor.future).toEqual([]);
    expect(editor.selectedId).toBeUndefined();
  });

  it('takes back the last point while drawing', () => {
    const { editor } = withZone();
    editor.begin('zone');
    editor.addPoint(square[0]!);
    editor.undo();
    expect([editor.points, editor.draft.zones.length]).toEqual([[], 1]);
  });
});

it('says what is wrong with each shape in the words of the schema', () => {
  const { editor, id } = withZone();
  editor.setPoints(id, [square[0]!, square[2]!, square[1]!, square[3]!]);
  expect(editor.problems.get(id)).toContain('may not cross');
  editor.undo();
  expect(editor.problems.size).toBe(0);
  editor.update(id, { name: ' ' });
  expect(editor.problems.get(id)).toBe('a name is needed');
  editor.update(id, { name: 'A', dwellSeconds: 0 });
  expect(editor.problems.get(id)).toContain('the dwell time is between');
  editor.setScale({ kind: 'width', metresPerWidth: NaN });
  expect(editor.problems.get(scaleId)).toContain('number of metres above 0');
  expect(problemsOf(emptyZones).size).toBe(0);
});

it('what was opened and saved is not dirty', () => {
  const { editor } = withZone();
  expect(editor.dirty).toBe(true);
  editor.stored(editor.draft);
  expect(editor.dirty).toBe(false);
  editor.close();
  expect([editor.active, editor.selectedId]).toEqual([false, undefined]);
});
