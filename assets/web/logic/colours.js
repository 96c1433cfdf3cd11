// The colour of a face, the same as the server paints it in: five in turn by the face's number.

export const FACE_COLOURS = 5;

/** 1 to 5: the colour's number; the style sheet has its values for light and for dark. */
export function colourOf(face) {
  return ((((face - 1) % FACE_COLOURS) + FACE_COLOURS) % FACE_COLOURS) + 1;
}
