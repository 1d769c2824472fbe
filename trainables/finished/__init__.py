"""What is done with a trained model: pictures are classified, it is measured again, it is written in other formats."""
