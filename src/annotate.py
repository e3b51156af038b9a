"""Predict the landmarks of all faces in photos and videos: `python src/annotate.py PHOTO ...`.

The command line is that of `keypoints.annotation.command`, which an installed copy provides as
`facial-keypoints annotate`.
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

from keypoints.annotation.command import main

if __name__ == "__main__":
    main()
