"""Names and widths of what a network reads. Knows no torch: fuse makes these arrays as well."""

STATES = 5  # in the order of manifest.CLASSES
WIDTHS = {"vision": 576, "audio": 768, "pose": 32}  # MobileNetV3-small, Whisper-tiny, keypoints
SEED_WIDTHS = WIDTHS | {"audio": 384}  # the mean alone, without the deviation behind it
MODALITIES = tuple(WIDTHS)
SPECIES = ("dog", "cat")  # columns of `species`, one of them 1
QUALITY = MODALITIES  # columns of `quality`, 0..1: how far each can be trusted
PRESENT = "_present"  # suffix of the input (n, 1) that is 0 where a modality is missing
SEQUENCE_FRAMES = 16  # of a face sequence (S1)
PICTURE_PX = 224
EMBEDDING, LOGITS, FRAME_LOGITS = "embedding", "logits", "frame_logits"
